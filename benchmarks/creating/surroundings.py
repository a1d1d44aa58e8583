"""Where the benchmark runs: a lab and a control plane of its own, and nothing left of them."""

from __future__ import annotations

import os
import socket
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from flows.domain.errors import EffectFailed
from flows.domain.versions import VERSIONS, ZOOKEEPER_DISTRIBUTION
from flows.doors.wiring import open_lab
from flows.settings import CHECKOUT, Settings, load_settings
from inventories.lab import Lab

LIMIT_SECONDS = 300


@dataclass(frozen=True)
class Place:
    """A home, a port and the name of a lab; `fleet` commands run there."""

    environment: Mapping[str, str]

    @cached_property
    def settings(self) -> Settings:
        """What the commands read from their environment."""
        return load_settings(self.environment)

    @cached_property
    def lab(self) -> Lab:
        """The lab of this place."""
        return open_lab(self.settings, lambda line: None)

    def fleet(self, *arguments: str) -> str:
        """The output of the command once it ended well; EffectFailed when it did not."""
        done = subprocess.run(
            [str(CHECKOUT / "fleet"), *arguments],
            env=dict(self.environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
        )
        if done.returncode:
            raise EffectFailed(
                f"fleet {' '.join(arguments)}: it ended with {done.returncode}: "
                f"{(done.stderr or done.stdout).strip()}"
            )
        return done.stdout


@contextmanager
def blank_place() -> Iterator[Place]:
    """A lab that is up, and homes that do not exist yet; afterwards all of it is gone."""
    with tempfile.TemporaryDirectory(prefix="kafka-fleet-bench-") as directory:
        place = _place(Path(directory) / "home", f"bench-{os.getpid()}", _free_port())
        try:
            place.lab.up()
            yield place
        finally:
            place.lab.destroy()


@contextmanager
def control_plane(place: Place) -> Iterator[None]:
    """The control plane of the place runs, and has carried out a request before."""
    try:
        place.fleet("up")
        yield
    finally:
        place.fleet("down", "--now")


def beside(place: Place) -> Place:
    """The same lab with another home, in which no control plane runs."""
    settings = place.settings
    return _place(settings.home.with_name("floor"), settings.lab, settings.prefect_port)


def tarball_names() -> tuple[str, str]:
    """What every host of the benchmark's instances gets."""
    return ZOOKEEPER_DISTRIBUTION, VERSIONS["2.7"].distribution


def _place(home: Path, lab: str, port: int) -> Place:
    own = {"FLEET_HOME": str(home), "FLEET_LAB": lab, "FLEET_PREFECT_PORT": str(port)}
    return Place({**os.environ, **own})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
