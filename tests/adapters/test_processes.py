"""Which runs live: by boot, pid and start, against pids that are given again."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from flows.adapters.processes import LinuxProcesses
from flows.domain.operations import Run


def test_this_process_lives() -> None:
    run = LinuxProcesses().here("run-1", "http://127.0.0.1/runs/1")
    assert (run.id, run.link, run.pid) == ("run-1", "http://127.0.0.1/runs/1", os.getpid())
    assert LinuxProcesses().alive(run)


def test_what_ran_before_a_reboot_does_not_live() -> None:
    run = replace(LinuxProcesses().here("run-1", ""), boot="another-boot")
    assert not LinuxProcesses().alive(run)


def test_a_pid_that_was_given_again_does_not_live() -> None:
    run = LinuxProcesses().here("run-1", "")
    assert not LinuxProcesses().alive(replace(run, started_ticks=run.started_ticks - 1))


def test_a_process_that_ended_does_not_live() -> None:
    with _sleeping() as child:
        run = _run_of(child.pid)
        assert LinuxProcesses().alive(run)
        child.kill()
        _wait(lambda: _state(child.pid) == "Z")
        assert not LinuxProcesses().alive(run), "one that nobody reaped yet"
        child.wait()
        assert not LinuxProcesses().alive(run), "one that is gone"


@pytest.mark.parametrize("name", ["x) Z 1 2 (y", "a b", ") R"])
def test_the_name_of_a_program_is_no_part_of_its_state(name: str, tmp_path: Path) -> None:
    program = tmp_path / name
    shutil.copy(str(shutil.which("sleep")), program)
    with _sleeping(str(program)) as child:
        _wait(lambda: f"({name})" in Path(f"/proc/{child.pid}/stat").read_text())
        assert LinuxProcesses().alive(_run_of(child.pid))


@contextmanager
def _sleeping(program: str = "sleep") -> Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([program, "60"])
    try:
        yield child
    finally:
        child.kill()
        child.wait()


def _run_of(pid: int) -> Run:
    """Read by another way than the one that is tested: from the end of the line."""
    fields = Path(f"/proc/{pid}/stat").read_text().split()
    return replace(LinuxProcesses().here("run", ""), pid=pid, started_ticks=int(fields[-31]))


def _state(pid: int) -> str:
    status = Path(f"/proc/{pid}/status").read_text()
    return next(line.split()[1] for line in status.splitlines() if line.startswith("State:"))


def _wait(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)
