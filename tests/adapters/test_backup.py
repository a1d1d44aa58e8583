"""What a backup is made of: the recovery key, the sealed file, the records as one value."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine, text

from flows.adapters.backup.recovery_key import fingerprint, new_recovery_key, read_recovery_key
from flows.adapters.backup.sealed import FORMAT, MAGIC, read_sealed, seal, unseal
from flows.adapters.processes import LinuxProcesses
from flows.adapters.records.dump import LOST, dump, load
from flows.adapters.records.engine import open_engine
from flows.adapters.records.migrate import check_schema, upgrade
from flows.domain.errors import Refused
from flows.domain.operations import OperationStatus, Trace
from tests.adapters.record_samples import (
    NOON,
    fill_first_schema,
    instance,
    machine,
    operation,
    records_in,
)

KEY = new_recovery_key()
FILE = seal(b"secret content", KEY.public, NOON)
LATER = datetime(2026, 6, 1, tzinfo=UTC)


def refused(file: bytes) -> str:
    with pytest.raises(Refused) as caught:
        unseal("b", read_sealed("b", file), KEY)
    return str(caught.value)


@given(st.binary(max_size=200))
def test_what_was_sealed_comes_back(content: bytes) -> None:
    file = seal(content, KEY.public, NOON)
    sealed = read_sealed("b", file)
    assert (sealed.made, sealed.key) == (NOON, fingerprint(KEY.public))
    assert unseal("b", sealed, KEY) == content


def test_the_same_content_is_never_sealed_alike() -> None:
    assert seal(b"secret content", KEY.public, NOON) != FILE
    assert b"secret content" not in FILE


@given(st.integers(0, len(FILE) - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed(place: int, change: int) -> None:
    file = bytearray(FILE)
    file[place] ^= change
    assert refused(bytes(file)).startswith("backup b: ")


@given(st.integers(0, len(FILE) - 1))
def test_a_cut_off_file_is_noticed(length: int) -> None:
    assert refused(FILE[:length]).startswith("backup b: it ")


def test_each_wrong_file_has_its_sentence() -> None:
    assert refused(b"PK\3\4") == (
        "backup b: it is not a backup of kafka-fleet; accepted is a file that `fleet backup` has "
        "written"
    )
    assert refused(FILE[:-1]) == (
        f"backup b: it has {len(FILE) - 1} bytes where {len(FILE)} are expected, so it was cut "
        "off or added to; a whole copy is accepted"
    )
    assert refused(FILE[:-1] + bytes([FILE[-1] ^ 1])) == (
        "backup b: its checksum does not fit, so it was damaged or changed; an undamaged copy is "
        "accepted"
    )
    newer = MAGIC + json.dumps({"format": FORMAT + 1, "else": "?"}).encode() + b"\n..."
    assert refused(newer) == (
        f"backup b: its format is {FORMAT + 1}, this program reads up to {FORMAT}; a newer "
        "kafka-fleet is needed"
    )
    forged = FILE[:-33] + bytes([FILE[-33] ^ 1])
    assert refused(forged + sha256(forged).digest()) == (
        "backup b: the recovery key fits but does not open it, so it was changed on purpose; an "
        "unchanged copy is accepted"
    )


def test_another_key_is_refused_without_being_shown() -> None:
    other = new_recovery_key()
    with pytest.raises(Refused) as caught:
        unseal("b", read_sealed("b", FILE), other)
    assert str(caught.value) == (
        f"recovery_key (not shown): it is the key {fingerprint(other.public)}, but backup b was "
        f"made for the key {fingerprint(KEY.public)}; that one is accepted"
    )
    assert other.text() not in repr(other)


def test_a_key_is_read_as_people_write_it() -> None:
    text = KEY.text()
    assert [len(group) for group in text.split("-")] == [7] * 8
    for written in (text, text.lower(), text.replace("-", " "), f" {text}\n"):
        assert read_recovery_key(written).public == KEY.public


@given(st.integers(0, 62), st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"))
def test_a_slip_of_the_pen_is_noticed(place: int, letter: str) -> None:
    text = KEY.text()
    if text[place] in (letter, "-"):
        return
    with pytest.raises(Refused, match="recovery_key \\(not shown\\): it is not a recovery key"):
        read_recovery_key(text[:place] + letter + text[place + 1 :])


def test_records_come_back_in_another_database(
    engine: Engine, blank_again: Engine, tmp_path_factory: pytest.TempPathFactory
) -> None:
    here = LinuxProcesses().here("run-1", "")
    records = records_in(engine)
    records.add(replace(instance("aaaa1111", "demo"), observed={"controller": 2}))
    records.keep_machine("aaaa1111", machine("aaaa1111", 1))
    running = records.open(operation("aaaa1111", "demo", here))
    records.trace(Trace("createDMSInstanceTaskSuccess", "bob", "cli", "demo", {"n": 1}, "done"))
    dumped = json.loads(json.dumps(dump(engine)))

    load(blank_again, dumped, LATER)
    check_schema(blank_again)
    again = records_in(blank_again)
    assert again.living() == records.living()
    assert again.wishes("aaaa1111") == records.wishes("aaaa1111")
    assert again.machines("aaaa1111") == records.machines("aaaa1111")
    (line,) = again.history("demo")
    assert line == replace(running, status=OperationStatus.INTERRUPTED, finished=LATER, reason=LOST)
    (trace,) = again.traces()
    (before,) = records.traces()
    assert (trace, trace.time, trace.number) == (before, before.time, before.number)
    assert again.open(operation("aaaa1111", "demo", here)).epoch == int(LATER.timestamp()) + 1
    again.trace(trace)
    assert [each.number for each in again.traces()] == [1, 2]

    # From one kind of database into the other one.
    sqlite = open_engine(f"sqlite:///{tmp_path_factory.mktemp('other') / 'records.db'}")
    load(sqlite, json.loads(json.dumps(dump(blank_again))), LATER)
    assert dump(sqlite)["tables"]["revisions"] == dump(blank_again)["tables"]["revisions"]


def test_every_restore_counts_on_from_a_higher_number(engine: Engine, blank_again: Engine) -> None:
    records = records_in(engine)
    here = LinuxProcesses().here("run-1", "")
    with engine.begin() as connection:
        restart = {
            "sqlite": "INSERT INTO sqlite_sequence VALUES ('operations', 9000000000)",
            "postgresql": "ALTER TABLE operations ALTER number RESTART WITH 9000000001",
        }
        connection.execute(text(restart[engine.dialect.name]))
    high = records.open(operation("aaaa1111", "demo", here))
    load(blank_again, dump(engine), LATER)
    heir = records_in(blank_again).open(operation("aaaa1111", "demo", here))
    assert heir.epoch == high.epoch + 1


def test_records_of_an_earlier_program_are_brought_up_to_date(
    blank_url: str, blank_again: Engine
) -> None:
    first = open_engine(blank_url)
    upgrade(first, "0001")
    fill_first_schema(first)
    names = ("instances", "revisions", "machines", "operations", "traces", "secrets")
    with first.connect() as connection:
        rows = {name: connection.execute(text(f"SELECT * FROM {name}")).mappings().all()
                for name in names}  # fmt: skip
    first.dispose()
    tables = {name: [_as_dumped(dict(row)) for row in found] for name, found in rows.items()}
    load(blank_again, {"schema": "0001", "tables": tables}, LATER)
    check_schema(blank_again)
    (row,) = records_in(blank_again).living()
    assert row.wish.name == "demo"
    assert records_in(blank_again).machines("aaaa1111") == (machine("aaaa1111", 1),)


def test_records_of_a_later_program_or_into_others_are_refused(
    engine: Engine, blank_again: Engine
) -> None:
    newer = {**dump(engine), "schema": "9999"}
    with pytest.raises(Refused, match="its records have the schema 9999, this program knows up"):
        load(blank_again, newer, LATER)
    before = dump(engine)
    with pytest.raises(Refused) as caught:
        load(engine, before, LATER)
    assert str(caught.value) == (
        "database: it is not empty, it has the table alembic_version; a backup is restored into "
        "an empty one"
    )
    assert dump(engine) == before


def _as_dumped(row: dict[str, object]) -> dict[str, object]:
    """What the drivers give for moments and JSON in plain SQL, as a dump has it."""
    for name, value in row.items():
        if isinstance(value, datetime):
            row[name] = value.isoformat()
        elif name in ("created", "made", "started", "finished", "time", "gone") and value:
            row[name] = f"{value}+00:00"
        elif isinstance(value, str) and value.startswith("{"):
            row[name] = json.loads(value)
        elif name == "holds":
            row[name] = bool(value)
    return row
