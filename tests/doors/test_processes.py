"""A process is known by more than its pid, and ends when it is told to."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flows.doors.controlplane.processes import (
    NICENESS,
    Process,
    launch,
    process,
    remember,
    remembered,
    stop,
)

DEAF = "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); "


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    with subprocess.Popen(["sleep", "60"]) as child:
        yield child
        child.kill()


def test_a_remembered_process_is_found_as_long_as_it_lives(
    sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    found = process(sleeper.pid)
    assert found is not None
    remember(tmp_path / "pid", found)
    assert remembered(tmp_path / "pid") == found
    assert found.resident_bytes() > 0
    assert found.age_seconds() < 60
    sleeper.kill()
    # Not reaped yet: a process that has ended and waits for its parent does not live.
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)
    assert remembered(tmp_path / "pid") is None
    assert found.resident_bytes() == 0


def test_another_process_of_the_same_pid_is_not_taken_for_it(
    sleeper: subprocess.Popen[bytes],
) -> None:
    found = process(sleeper.pid)
    assert found is not None
    assert not replace(found, started_ticks=found.started_ticks - 1).alive()
    assert not replace(found, boot="another").alive()


@pytest.mark.parametrize("text", ["", "1", "no pid here at all"])
def test_a_file_that_names_no_process_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "pid").write_text(text)
    assert remembered(tmp_path / "pid") is None
    assert remembered(tmp_path / "none") is None


def test_a_process_that_does_not_listen_is_killed_after_its_limit() -> None:
    argv = [sys.executable, "-c", f"{DEAF} time.sleep(60)"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        found = process(child.pid)
        assert isinstance(found, Process)
        stop(found, 0.3)
        assert child.wait() == -signal.SIGKILL


def test_a_launched_process_gives_way_with_all_that_it_starts(tmp_path: Path) -> None:
    go, said = tmp_path / "go", tmp_path / "log"
    os.mkfifo(go)
    found = launch(["/bin/sh", "-c", f"read _ < {go}; nice"], {"PATH": os.environ["PATH"]}, said)
    assert found is not None
    group = Path(f"/proc/{found.pid}/autogroup")
    assert os.getpriority(os.PRIO_PROCESS, found.pid) == NICENESS
    assert not group.exists() or group.read_text().endswith(f"nice {NICENESS}\n")
    go.write_text("on\n")
    os.waitpid(found.pid, 0)
    assert said.read_text() == f"{NICENESS}\n"
