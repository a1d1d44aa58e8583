"""The client by which every arm is measured: it writes and reads all the time, and keeps each gap.

Its process is the probe's program on a topic of its own, in the network of the clients: the same
for all arms, whatever the product measures of itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from flows.domain.errors import EffectFailed

READY_SECONDS, END_SECONDS = 60.0, 60.0


@dataclass
class Meter:
    """What the client told last; `end` is its sums once it has ended."""

    told: dict[str, Any] = field(default_factory=dict)

    @property
    def end(self) -> Mapping[str, Any]:
        """Sums and every gap: `[kind, partition, began, ended]` by the monotonic clock."""
        found: Mapping[str, Any] = self.told["end"]
        return found

    def worst(self, kind: str, began: float, ended: float) -> float:
        """The longest gap of a kind that overlaps a time."""
        return max(
            (gap[3] - gap[2] for gap in self.end["gaps"]
             if gap[0] == kind and gap[3] > began and gap[2] < ended),
            default=0.0,
        )  # fmt: skip


@contextmanager
def measuring(
    namespace: str, settings: Mapping[str, Any], topic: str, seldom_per_second: float | None = None
) -> Iterator[Meter]:
    """The client is under way; its sums are there afterwards.

    With `seldom_per_second` so many messages go to the partitions in turn, and a gap is the time
    that a message waits.
    """
    order = {"settings": dict(settings), "topic": topic, "seldom_per_second": seldom_per_second}
    process = subprocess.Popen(
        ["nsenter", f"--net=/run/netns/{namespace}", "setpriv", "--pdeathsig", "KILL",
         sys.executable, "-m", "flows.adapters.probe.program"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    meter = Meter()
    listener = threading.Thread(target=_listen, args=(process, meter), daemon=True)
    try:
        assert process.stdin is not None
        process.stdin.write(json.dumps(order) + "\n")
        process.stdin.flush()
        listener.start()
        _wait_until_ready(process, meter)
        yield meter
        process.stdin.close()
        process.wait(timeout=END_SECONDS)
        listener.join(timeout=5)
    finally:
        process.kill()
        process.wait()


def _listen(process: subprocess.Popen[str], meter: Meter) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        meter.told = json.loads(line)


def _wait_until_ready(process: subprocess.Popen[str], meter: Meter) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not meter.told.get("ready"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise EffectFailed(f"the meter could not begin: {meter.told.get('error', 'silence')}")
        time.sleep(0.1)
