"""What a person is told of an instance whose operation was killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.adapters.processes import LinuxProcesses
from flows.adapters.records.sql import SqlRecords
from flows.domain.instance import Status
from flows.domain.operations import OperationStatus, Run
from flows.queries.instances import instances
from flows.queries.interruption import interruptions
from flows.queries.show import show
from tests.adapters.record_samples import instance, new_database, operation, records_in

ID = "k7m2p9qa"
GONE = Run("run-1", "http://ui/1", "an earlier boot", 1, 1)


@pytest.fixture
def records(tmp_path: Path) -> SqlRecords:
    """Records with one instance that is being created, by nobody yet."""
    records = records_in(new_database(tmp_path))
    records.add(instance(ID, "demo"))
    return records


def _held_by(records: SqlRecords, run: Run) -> int:
    row = operation(ID, "demo", run)
    return records.open(row).epoch


def test_a_creation_that_was_killed_says_who_asked_and_what_to_do(records: SqlRecords) -> None:
    _held_by(records, GONE)
    sentence = (
        "create-instance, asked for by bob, was interrupted: ask for the same again and it goes "
        "on, or remove it with delete-instance"
    )
    (line,) = instances(records)
    assert (line["status"], line["reason"]) == ("Creating", sentence)
    assert show(records, "demo")["reason"] == sentence
    assert interruptions(records) == (f"demo is Creating: {sentence}",)


@pytest.mark.parametrize(
    ("status", "remedy"),
    [
        (Status.CHANGING, "ask for the same again and it goes on, or roll it back"),
        (Status.RESTARTING, "ask for the same again and it goes on"),
        (Status.DELETING, "delete-instance finishes it"),
    ],
)
def test_each_status_has_its_remedy(records: SqlRecords, status: Status, remedy: str) -> None:
    _held_by(records, GONE)
    records.set_status(ID, status)
    assert interruptions(records)[0].endswith(f" was interrupted: {remedy}")


def test_nothing_is_said_of_one_that_is_worked_on_or_at_rest(records: SqlRecords) -> None:
    assert interruptions(records) == ()
    epoch = _held_by(records, LinuxProcesses().here("run-1", "http://ui/1"))
    assert interruptions(records) == ()
    records.close(epoch, OperationStatus.SUCCESSFUL, "done", {})
    records.set_status(ID, Status.RUNNING)
    assert interruptions(records) == ()


def test_a_removal_that_gave_up_keeps_its_own_reason(records: SqlRecords) -> None:
    epoch = _held_by(records, LinuxProcesses().here("run-1", "http://ui/1"))
    records.set_status(ID, Status.DELETING, "lab: the disk is busy")
    records.close(epoch, OperationStatus.FAILED, "lab: the disk is busy", {})
    assert [line["reason"] for line in instances(records)] == ["lab: the disk is busy"]
