"""One lab for all tests here: two small machines, taken away whatever happens."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from inventories.lab import Lab, Machine, MachineSpec
from inventories.lab.commands import run

Ssh = Callable[[Machine, str], str]
Inside = Callable[[str, str], subprocess.CompletedProcess[str]]


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
def lab(small: Callable[..., MachineSpec]) -> Iterator[Lab]:
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
def inside() -> Inside:
    """A shell command run in a network namespace, whatever its outcome."""

    def call(netns: str, command: str) -> subprocess.CompletedProcess[str]:
        argv = ["nsenter", f"--net=/run/netns/{netns}", "sh", "-c", command]
        return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False)

    return call
