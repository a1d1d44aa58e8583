"""One lab for all tests here: two small machines, taken away whatever happens."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inventories.lab import Lab, Machine, MachineSpec
from inventories.lab.commands import run

Ssh = Callable[[Machine, str], str]
Within = Callable[[str, str], str]


@pytest.fixture(scope="session")
def private_key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    key = tmp_path_factory.mktemp("key") / "id"
    run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    return key


@pytest.fixture(scope="session")
def small(private_key: Path) -> Callable[..., MachineSpec]:
    """Specifications of small machines that the test's key may log in to."""

    def spec(name: str, **others: object) -> MachineSpec:
        base = {"name": name, "vcpus": 2, "memory_mb": 2048, "disk_gb": 1, "zone": "lab-1"}
        authorized = private_key.with_suffix(".pub").read_text()
        return MachineSpec.model_validate({**base, "authorized_key": authorized, **others})

    return spec


@pytest.fixture(scope="session")
def host_forwarding() -> str:
    """Whether the host forwarded packets before the first lab came up."""
    return run("sysctl", "-n", "net.ipv4.ip_forward")


@pytest.fixture(scope="session")
def lab(small: Callable[..., MachineSpec], host_forwarding: str) -> Iterator[Lab]:
    """A lab with the machines a and b running."""
    made = Lab(f"labtest-{os.getpid()}")
    try:
        made.up()
        made.create_machines([small("a"), small("b", zone="lab-2")])
        yield made
    finally:
        made.destroy()


@pytest.fixture
def a(lab: Lab) -> Machine:
    return lab.start("a")


@pytest.fixture
def b(lab: Lab) -> Machine:
    return lab.start("b")


@pytest.fixture(scope="session")
def ssh(private_key: Path, tmp_path_factory: pytest.TempPathFactory) -> Ssh:
    """The output of a command in a machine, its host key pinned; fails when the command does."""
    pinned = tmp_path_factory.mktemp("ssh")

    def call(machine: Machine, command: str) -> str:
        known = pinned / machine.name
        known.write_text(f"{machine.address} {machine.host_key}\n")
        options = ("-o", f"UserKnownHostsFile={known}", "-o", "StrictHostKeyChecking=yes")
        login = f"root@{machine.address}"
        return run("ssh", "-i", str(private_key), "-o", "BatchMode=yes", *options, login, command)

    return call


@pytest.fixture(scope="session")
def within(lab: Lab) -> Within:
    """The output of a shell command in a machine, without its SSH server and so without waiting.

    It does not run in the machine's cgroup: what a machine may use is asked over SSH.
    """

    def call(name: str, command: str) -> str:
        site = lab._site
        return site.guest(site.known(name)).run("sh", "-c", command)

    return call
