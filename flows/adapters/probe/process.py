"""The probe's process as seen by who started it: it dies with its engine, whatever happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from flows.adapters.kafka.connection import Credentials, client_settings
from flows.domain.cluster import PROBE_TOPIC
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance
from flows.domain.probing import Gap, Kind, ProbeEnd, Sight

START_SECONDS = 60.0
END_SECONDS = 45.0
SILENT_SECONDS = 30.0
_INHERITED = ("PATH", "HOME", "LC_ALL", "LANG", "PYTHONPATH")


class ProcessProbes:
    """Implements `Probes`: each probe is a process of its own, so its clock is nobody else's."""

    def __init__(
        self, credentials: Callable[[Instance], Credentials], start_seconds: float = START_SECONDS
    ) -> None:
        self._credentials = credentials
        self._limit = start_seconds

    def start(self, instance: Instance) -> ProcessProbe:
        """A probe that writes to, and reads from, every partition of the probe's topic."""
        settings = client_settings(instance, self._credentials(instance))
        probe = ProcessProbe(instance.name, {"settings": dict(settings), "topic": PROBE_TOPIC})
        probe.wait_until_ready(self._limit)
        return probe


class ProcessProbe:
    """Implements `Probe`."""

    def __init__(self, name: str, order: dict[str, Any]) -> None:
        """The process runs; its secrets went to its standard input."""
        self._name = name
        self._told: dict[str, Any] = {}
        self._gaps: list[Gap] = []
        self._process = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", sys.executable, "-P", "-m",
             "flows.adapters.probe.program"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={name: os.environ[name] for name in _INHERITED if name in os.environ},
        )  # fmt: skip
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    @property
    def pid(self) -> int:
        """Its process."""
        return self._process.pid

    def wait_until_ready(self, limit: float) -> None:
        """Every partition has acknowledged something; EffectFailed when one does not in time."""
        deadline = time.monotonic() + limit
        while not self._told.get("ready"):
            if self._process.poll() is not None or time.monotonic() > deadline:
                self._close()
                reason = self._told.get("error") or f"no acknowledgement in {limit:.0f} s"
                raise EffectFailed(f"the probe of {self._name} could not begin: {reason}")
            time.sleep(0.05)

    def seen(self) -> Sight:
        """What it told last, at most half a second ago; EffectFailed when it is silent."""
        told = self._told
        if (
            self._process.poll() is not None
            or time.monotonic() - told.get("at", 0.0) > SILENT_SECONDS
        ):
            raise EffectFailed(f"the probe of {self._name} tells nothing any more")
        silent = {int(number): seconds for number, seconds in told["silent"].items()}
        return Sight(told["at"], tuple(self._gaps), silent)

    def finish(self) -> ProbeEnd:
        """It has ended and told its sums; EffectFailed when it did not."""
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(timeout=END_SECONDS)
        self._close()
        end = self._told.get("end")
        if end is None:
            raise EffectFailed(f"the probe of {self._name} ended without a word")
        gaps = _gaps(end.pop("gaps"))
        return ProbeEnd(**{**end, "errors": tuple(end["errors"]), "gaps": gaps})

    def _close(self) -> None:
        """Nothing is left of the process, and all that it told has been heard."""
        self._process.kill()
        self._process.wait()
        self._listener.join(timeout=5)
        for pipe in (self._process.stdin, self._process.stdout):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            # Before its time is known: whoever asks "until when" has all gaps until then.
            self._gaps.extend(_gaps(told.get("gaps", ())))
            self._told = told


def _gaps(told: Iterable[list[Any]]) -> tuple[Gap, ...]:
    return tuple(Gap(Kind(kind), partition, began, ended) for kind, partition, began, ended in told)
