"""Yelp's kafka-utils: its `kafka-rolling-restart` with its defaults, given what it needs.

It is installed into a virtual environment of its own, from the index that pip is set to. It reads
brokers from ZooKeeper, under-replicated partitions from Jolokia, and runs `sudo service kafka` by
SSH; before the next broker it wants twelve calm answers, ten seconds apart.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from benchmarks.creating.surroundings import Place
from benchmarks.restarting.arms import Course, Turn, opened, shell
from flows.adapters.secrets.kept import SSH_KEY, ZOOKEEPER_PASSWORD, kept
from flows.adapters.site import Doors
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance
from flows.domain.listeners import ZOOKEEPER_CLIENT_PORT
from flows.domain.units import JOLOKIA_PORT

HERE = Path(__file__).parent
INSTALL_SECONDS, ROLL_SECONDS = 300.0, 1200.0
STOPPING = "Stopping "
SOCKET = """\
[Socket]
ListenStream={address}:{port}
FreeBind=yes
"""
SERVICE = """\
[Service]
ExecStart=/lib/systemd/systemd-socket-proxyd 127.0.0.1:{port}
"""


def kafka_utils_roll(place: Place, name: str, options: Sequence[str] = ()) -> Course:
    """One roll; a broker's turn lasts until the next one is stopped, or all is over."""
    python = _installed(place)
    doors, instance = opened(place, name)
    with tempfile.TemporaryDirectory() as directory, _jolokia_within_reach(doors, instance):
        home = Path(directory)
        _write_topology(instance, home)
        _write_ssh_config(doors, instance, home)
        command = [
            str(python), "-u", str(HERE / "program.py"), "--cluster-type", "standard",
            "--discovery-base-path", directory, "--no-confirm", *options,
        ]  # fmt: skip
        login = {"username": "kafka", "password": kept(doors.secrets, instance, ZOOKEEPER_PASSWORD)}
        return Course(_turns(instance, command, home, json.dumps(login) + "\n"))


def _installed(place: Place) -> Path:
    """The interpreter of the virtual environment that has kafka-utils."""
    environment = place.settings.home.with_name("kafka-utils")
    python = environment / "bin" / "python"
    if not python.exists():
        install = [str(python), "-m", "pip", "install", "--quiet", "-r"]
        for command in (
            [sys.executable, "-m", "venv", str(environment)],
            [*install, str(HERE / "requirements.txt")],
        ):
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False
            )
            if done.returncode:
                raise EffectFailed(f"kafka-utils cannot be installed: {done.stderr.strip()}")
    return python


@contextmanager
def _jolokia_within_reach(doors: Doors, instance: Instance) -> Iterator[None]:
    """Jolokia answers at every broker's own address too; afterwards on its loopback only."""
    there = "/run/systemd/system/bench-jolokia"
    for broker in instance.brokers:
        socket = SOCKET.format(address=broker.address, port=JOLOKIA_PORT)
        service = SERVICE.format(port=JOLOKIA_PORT)
        shell(
            doors, instance, broker,
            f"printf '{socket}' >{there}.socket && printf '{service}' >{there}.service && "
            "systemctl daemon-reload && systemctl start bench-jolokia.socket",
        )  # fmt: skip
    try:
        yield
    finally:
        for broker in instance.brokers:
            shell(
                doors, instance, broker,
                "systemctl stop bench-jolokia.socket bench-jolokia.service; "
                f"rm -f {there}.socket {there}.service; systemctl daemon-reload",
            )  # fmt: skip


def _write_topology(instance: Instance, directory: Path) -> None:
    nodes = ",".join(f"{broker.address}:{ZOOKEEPER_CLIENT_PORT}" for broker in instance.ensemble)
    cluster = {"broker_list": [], "zookeeper": nodes + instance.chroot}
    topology = {"clusters": {instance.name: cluster}, "local_config": {"cluster": instance.name}}
    (directory / "standard.yaml").write_text(json.dumps(topology))


def _write_ssh_config(doors: Doors, instance: Instance, home: Path) -> None:
    directory = home / ".ssh"
    directory.mkdir(mode=0o700)
    key = directory / "key"
    key.touch(mode=0o600)
    key.write_text(kept(doors.secrets, instance, SSH_KEY).strip() + "\n")
    (directory / "config").write_text(f"Host *\n  User root\n  IdentityFile {key}\n")


def _turns(instance: Instance, command: Sequence[str], home: Path, login: str) -> tuple[Turn, ...]:
    """Whom it stopped and when, as told by what it prints."""
    ids = {str(broker.address): broker.id for broker in instance.brokers}
    stopped: list[tuple[int, float]] = []
    with (home / "errors").open("w+") as errors:
        process = subprocess.Popen(
            ["timeout", str(ROLL_SECONDS), *command], env={"HOME": str(home)}, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors,
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(login)
        process.stdin.close()
        last = ""
        for last in process.stdout:
            print(f"kafka-utils: {last.rstrip()}", file=sys.stderr, flush=True)
            if last.startswith(STOPPING):
                stopped.append((ids[last.split()[1]], time.monotonic()))
        if process.wait():
            errors.seek(0)
            raise EffectFailed(f"kafka-rolling-restart failed: {last}{errors.read()[-2000:]}")
    ends = [began for _, began in stopped[1:]] + [time.monotonic()]
    return tuple(
        Turn(broker, began, ended) for (broker, began), ended in zip(stopped, ends, strict=True)
    )
