"""`fleet test`: what runs beside the lab counts as much as what runs in it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from flows.doors.cli.checks import Stage, failed_stages, stages_of_tests

GOOD, BAD = ("sh", "-c", "echo {}"), ("sh", "-c", "echo {}; exit 1")


def stage(name: str, command: tuple[str, ...]) -> Stage:
    """A stage that says its name, whether it passes or not."""
    return Stage(name, tuple(each.format(name) for each in command))


@pytest.mark.parametrize(
    ("apart", "in_lab", "failed"),
    [
        (GOOD, GOOD, []),
        (BAD, GOOD, ["apart"]),
        (GOOD, BAD, ["in the lab"]),
        (BAD, BAD, ["in the lab", "apart"]),
    ],
)
def test_each_stage_that_failed_is_named(
    apart: tuple[str, ...],
    in_lab: tuple[str, ...],
    failed: list[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert failed_stages([stage("apart", apart), stage("in the lab", in_lab)]) == failed
    told = capfd.readouterr().out.splitlines()
    assert told.index("in the lab") < told.index("apart")


def test_without_a_lab_there_is_one_stage_of_tests() -> None:
    (only,) = stages_of_tests(everything=False, with_lab=False)
    assert failed_stages([stage("alone", GOOD)]) == []
    assert only.argv[1:3] == ("-m", "not lab and not slow")


def test_what_runs_beside_ends_with_what_it_runs_beside(tmp_path: Path) -> None:
    mark = str(tmp_path / "endless")
    endless = Stage("endless", (sys.executable, "-c", "import time; time.sleep(600)", mark))
    missing = Stage("not there", (str(tmp_path / "no such tool"),))
    with pytest.raises(FileNotFoundError):
        failed_stages([endless, missing])
    assert not [each for each in Path("/proc").glob("[0-9]*/cmdline") if mark in text_of(each)]


def text_of(file: Path) -> str:
    """What a file of a process says; nothing when it has ended."""
    try:
        return file.read_text(encoding="utf-8")
    except OSError:
        return ""
