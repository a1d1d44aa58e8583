"""The CPU that host, machines and control side have used, sampled while things happen."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.creating.spans import Sample

EVERY_SECONDS = 0.2
TICKS = os.sysconf("SC_CLK_TCK")
CGROUPS = Path("/sys/fs/cgroup")


class Meter:
    """Takes a sample five times a second while it is running.

    `slot` is the lab's; `control` tells the CPU seconds that the control side has used so far.
    """

    def __init__(self, slot: int, control: Callable[[], float]) -> None:
        self.samples: list[Sample] = []
        self._control = control
        self._slot = slot
        self._over = threading.Event()

    @contextmanager
    def running(self) -> Iterator[Meter]:
        """Samples are taken inside, at both ends as well."""
        thread = threading.Thread(target=self._sample, daemon=True)
        self._take()
        thread.start()
        try:
            yield self
        finally:
            self._over.set()
            thread.join()

    def _sample(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            self._take()
        self._take()

    def _take(self) -> None:
        used = (host_seconds(), machine_seconds(self._slot), self._control())
        self.samples.append(Sample(time.time(), *used))


def host_seconds() -> float:
    """CPU seconds of all that ran on this host since it booted; idle and stolen time is none."""
    fields = [int(word) for word in Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]]
    user, nice, system, _, _, irq, softirq = fields[:7]
    return (user + nice + system + irq + softirq) / TICKS


def own_seconds() -> float:
    """CPU seconds of this process and of all its children that have ended."""
    return sum(os.times()[:4])


def machine_seconds(slot: int) -> float:
    """CPU seconds of all machines that the lab in this slot ever had; 0 before the first one."""
    for text in _read(f"cpuacct/kafka-fleet/kf{slot}/cpuacct.usage"):
        return int(text) / 1e9
    for pattern in (f"kafka-fleet/kf{slot}", f"system.slice/*/kafka-fleet/kf{slot}"):
        for text in _read(f"{pattern}/cpu.stat"):
            return int(text.split()[1]) / 1e6
    return 0.0


def _read(pattern: str) -> Iterator[str]:
    for path in CGROUPS.glob(pattern):
        try:
            yield path.read_text()
        except OSError:
            continue  # the last machine has just gone, with its cgroup
