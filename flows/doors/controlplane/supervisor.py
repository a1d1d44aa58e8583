"""The process that keeps the others running: `python -m flows.doors.controlplane.supervisor`.

Standard library only, so it stays small. It starts the programs, starts anew what dies or hangs
(after a pause that grows while it keeps dying), adopts what a killed supervisor left running,
keeps the logs short, and on SIGTERM stops everything in the right order.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flows.doors.controlplane.processes import Process, launch, process, remember, remembered, stop
from flows.doors.controlplane.programs import SUPERVISOR, Program, log_file, pid_file, programs
from flows.settings import Settings, load_settings

LOOK_SECONDS = 0.5
ASK_SECONDS = 10
"""How often a process is asked whether it does its work."""
CALM_SECONDS = 60
LONGEST_PAUSE_SECONDS = 30
LOG_BYTES = 10_000_000
_STOP = (signal.SIGTERM, signal.SIGINT)


def main() -> None:
    """Runs until it is told to stop; a second supervisor of the same home ends at once."""
    settings = load_settings()
    os.umask(0o077)
    os.chdir("/")
    with _only_one(settings):
        signal.pthread_sigmask(signal.SIG_BLOCK, {*_STOP, signal.SIGCHLD})
        me = process(os.getpid())
        assert me is not None
        remember(pid_file(settings, SUPERVISOR), me)
        try:
            supervise(settings)
        finally:
            pid_file(settings, SUPERVISOR).unlink(missing_ok=True)


def supervise(settings: Settings) -> None:
    """Everything runs, until SIGTERM; then nothing does."""
    watched = [Watched(settings, program) for program in programs(settings)]
    _say("started")
    while not _told_to_stop():
        _reap()
        for each in watched:
            each.look()
    for each in reversed(watched):
        each.stop()
    _say("all is stopped")


@dataclass
class Watched:
    """One program and the process that carries it now."""

    settings: Settings
    program: Program
    process: Process | None = None
    deaths: int = 0
    started: float = 0.0
    asked: float = 0.0
    well: float = 0.0

    def __post_init__(self) -> None:
        self.process = remembered(pid_file(self.settings, self.program.name))
        self.well = time.monotonic()
        if self.process:
            _say(f"{self.program.name}: adopted process {self.process.pid}")

    def look(self) -> None:
        """The process lives, or is started anew once its pause is over."""
        _shorten(log_file(self.settings, self.program.name))
        now = time.monotonic()
        if self.process and self.process.alive():
            if now - self.started > CALM_SECONDS:
                self.deaths = 0
            if now - self.asked > ASK_SECONDS:
                self._ask(self.process)
            return
        if self.process:
            self.deaths += 1
            _say(f"{self.program.name}: process {self.process.pid} has ended")
            self.process = None
        if now >= self.started + self._pause() and self.program.may_start():
            self._start()

    def stop(self) -> None:
        """The process has ended: asked first, killed after its limit."""
        if not self.process or not self.process.alive():
            return
        _say(f"{self.program.name}: stopping process {self.process.pid}")
        stop(self.process, self.program.seconds_to_stop)
        pid_file(self.settings, self.program.name).unlink(missing_ok=True)

    def _ask(self, carrier: Process) -> None:
        """A process that hangs is stopped; the next look starts another one."""
        if self.program.well():
            self.well = time.monotonic()
        self.asked = time.monotonic()
        silent = self.asked - self.well
        if silent > self.program.seconds_silent:
            _say(f"{self.program.name}: process {carrier.pid} does no work for {silent:.0f} s")
            stop(carrier, self.program.seconds_to_stop)

    def _pause(self) -> float:
        """Seconds from the last start to the next: 0, 2, 4, ... up to the longest."""
        return min(2**self.deaths, LONGEST_PAUSE_SECONDS) if self.deaths else 0

    def _start(self) -> None:
        self.started = self.well = time.monotonic()
        log = log_file(self.settings, self.program.name)
        self.process = launch(self.program.argv, self.program.environment, log)
        if self.process is None:
            self.deaths += 1
            return
        remember(pid_file(self.settings, self.program.name), self.process)
        _say(f"{self.program.name}: started as process {self.process.pid}")


def _told_to_stop() -> bool:
    """Waits a moment, less when a child ends; True once a stopping signal has come."""
    arrived = signal.sigtimedwait({*_STOP, signal.SIGCHLD}, LOOK_SECONDS)
    return arrived is not None and arrived.si_signo in _STOP


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _shorten(log: Path) -> None:
    """A log that grew too long becomes the old one; writers append, so none of them notices."""
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.with_suffix(".log.1").write_bytes(log.read_bytes())
        os.truncate(log, 0)


@contextlib.contextmanager
def _only_one(settings: Settings) -> Iterator[None]:
    with (settings.run / "supervisor.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            _say("another supervisor watches this home")
            sys.exit(0)
        yield


def _say(line: str) -> None:
    print(time.strftime("%Y-%m-%d %H:%M:%S"), line, flush=True)


if __name__ == "__main__":
    main()
