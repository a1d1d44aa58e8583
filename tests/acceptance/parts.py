"""The parts of the story: the secured instance, its clients, and who watches processes."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from flows.domain.instance import Instance
from flows.domain.listeners import ListenerName
from tests.acceptance.plane import Plane, wait_until

PASSWORD = "Sturdy-Words-42"
NAMES_FROM_A_FILE = "-Djdk.net.hosts.file=/etc/hosts"
"""Java asks for the name of each address that it logs in to, 5 s each where no name server answers,
as in a client's namespace here; the bundle's README tells users the same."""
CLIENT = Path(__file__).parent / "client.py"


@dataclass(frozen=True)
class Secured:
    """An instance with SASL_SSL, whose first user is alice, and its bundle."""

    plane: Plane
    directory: Path
    name: str

    @property
    def instance(self) -> Instance:
        """As the control plane knows it just now."""
        return self.plane.instance(self.name)

    @cached_property
    def bundle(self) -> Path:
        """The client bundle, with the password where its README says."""
        target = self.directory / "bundle"
        self.plane.succeeds("bundle", self.name, "-o", str(target))
        for properties in target.rglob("*.properties"):
            properties.write_text(properties.read_text().replace("CHANGE-ME", PASSWORD))
        return target

    def forget_bundle(self) -> None:
        """The next one who needs the bundle fetches it anew: other authorities are trusted now."""
        self.__dict__.pop("bundle", None)
        shutil.rmtree(self.directory / "bundle", ignore_errors=True)

    def settings(self, user: str = "alice", password: str = PASSWORD) -> dict[str, str]:
        """A librdkafka client's connection."""
        return {
            "bootstrap.servers": str(self.instance.addresses(ListenerName.PRIVATE)),
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": password,
            "ssl.ca.location": str(self.bundle / "phy_ca.crt"),
        }


@dataclass(frozen=True)
class Demo(Secured):
    """The secured instance `demo`, and what was seen when its creation was killed."""

    interrupted: list[dict[str, Any]] = field(default_factory=list)
    machines_before: tuple[str, ...] = ()


def create_while_killed(plane: Plane, directory: Path) -> Demo:
    """`demo` is created; the engine is killed while a playbook runs, and the command run again."""
    password = directory / "password"
    password.write_text(PASSWORD + "\n")
    wish = (
        "run",
        "create-instance",
        "name=demo",
        "sasl_ssl=true",
        "sasl_plain=true",
        "first_user=alice",
        f"first_user_password=@{password}",
        "tags=team=search",
    )
    first = plane.start(*wish)
    engine = wait_until(lambda: _engine_in_a_play(plane), "a playbook runs", 300)
    before = tuple(machine.name for machine in plane.instance_machines("demo"))
    os.kill(engine, signal.SIGKILL)
    first.communicate(timeout=180)
    assert first.returncode == 1
    interrupted = plane.json("history", "demo")
    plane.succeeds(*wish)
    return Demo(plane, directory, "demo", interrupted, before)


def _engine_in_a_play(plane: Plane) -> int | None:
    row = plane.doors.records.find("demo")
    holder = plane.doors.records.holder(row.id) if row else None
    if holder is None:
        return None
    engine = holder.caller.run.pid
    return engine if plays_of(engine) else None


def plays_of(engine: int) -> list[int]:
    """The ansible-playbook processes that this engine started."""
    return [pid for pid in _children(engine) if b"ansible-playbook" in _read(pid, "cmdline")]


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task")
    try:
        found = [(task / "children").read_text().split() for task in tasks.iterdir()]
    except OSError:
        return []
    return [int(child) for line in found for child in line]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


class Watch:
    """Collects every command line and environment that was seen, but those of the test itself."""

    def __init__(self) -> None:
        self.seen: set[bytes] = set()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def start(self) -> None:
        """Looks from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Looks no more."""
        self._over.set()
        self._thread.join(timeout=10)

    def _look(self) -> None:
        while not self._over.wait(0.2):
            for entry in Path("/proc").iterdir():
                if entry.name.isdigit() and int(entry.name) != os.getpid():
                    self._note(int(entry.name))

    def _note(self, pid: int) -> None:
        self.seen.update((_read(pid, "cmdline"), _read(pid, "environ")))


def unpack_jars(secured: Secured, target: Path) -> Path:
    """Where the jars of the instance's own release were unpacked."""
    distribution = secured.instance.wish.release.distribution
    with tarfile.open(secured.plane.doors.distributions.tarball(distribution)) as archive:
        archive.extractall(target, filter="data")
    return target / "libs"


def java(
    secured: Secured,
    namespace: str,
    libs: Path,
    *command: str,
    text: str = "",
    bundle: Path | None = None,
) -> str:
    """What one of Kafka's tools, run in the directory of a bundle, wrote on standard output."""
    done = in_namespace(
        namespace,
        "java",
        NAMES_FROM_A_FILE,
        "-Xmx128m",
        "-XX:TieredStopAtLevel=1",
        "-cp",
        f"{libs}/*",
        *command,
        input=text,
        cwd=bundle or secured.bundle,
        limit=400,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def python_sample(namespace: str, bundle: Path, topic: str, *options: str) -> None:
    """The bundle's Python sample, as it is, wrote ten messages and read as many."""
    for verb, word in (("produce", "delivered: "), ("consume", "received: ")):
        command = (sys.executable, "python/client.py", verb, topic, *options)
        done = in_namespace(namespace, *command, cwd=bundle)
        assert done.returncode == 0, done.stderr
        assert len([line for line in done.stdout.splitlines() if line.startswith(word)]) == 10


def in_namespace(namespace: str, *command: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """A command, run in a network namespace of the lab."""
    return subprocess.run(
        ["nsenter", f"--net=/run/netns/{namespace}", *command],
        capture_output=True,
        text=True,
        timeout=options.pop("limit", 180),
        check=False,
        **options,
    )


def client(namespace: str, limit: float = 180, **wish: Any) -> Any:
    """What the client program in that namespace answers to the wish within `limit` seconds."""
    done = in_namespace(namespace, sys.executable, str(CLIENT), input=json.dumps(wish), limit=limit)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
