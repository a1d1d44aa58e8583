"""The machine that a result was measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

from flows.domain.versions import VERSIONS, ZOOKEEPER_DISTRIBUTION
from flows.settings import CHECKOUT

_LIBRARIES = ("prefect", "ansible-core", "paramiko", "confluent-kafka", "kazoo", "cryptography")


@dataclass(frozen=True)
class Machine:
    """Its hardware, its kernel, what ran on it, and how busy it was before the benchmark began."""

    cores: int
    memory_gib: float
    cpu: str
    kernel: str
    load: tuple[float, float, float]
    commit: str
    versions: dict[str, str]

    @property
    def quiet(self) -> bool:
        """Whether others used less than half a core on the average of a minute."""
        return self.load[0] < 0.5


def describe() -> Machine:
    """This machine now."""
    return Machine(
        cores=os.cpu_count() or 0,
        memory_gib=round(_memory_kib() / 2**20, 1),
        cpu=_cpu(),
        kernel=f"{platform.system()} {platform.release()}",
        load=os.getloadavg(),
        commit=_commit(),
        versions={
            "python": platform.python_version(),
            "kafka": VERSIONS["2.7"].distribution.removeprefix("kafka-"),
            "zookeeper": ZOOKEEPER_DISTRIBUTION.removeprefix("zookeeper-"),
            **{name: version(name) for name in _LIBRARIES},
        },
    )


def _memory_kib() -> int:
    first = Path("/proc/meminfo").read_text().split("\n", 1)[0]
    return int(first.split()[1])


def _cpu() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _commit() -> str:
    """The checkout's commit, with a mark when files differ from it."""
    argv = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    done = subprocess.run(argv, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"
