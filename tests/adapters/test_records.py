"""The records in a database: the lock between real processes, what constraints forbid, schema."""

from __future__ import annotations

import multiprocessing
import os
import re
import signal
import sqlite3
import subprocess
import sys
import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Engine, make_url, text
from sqlalchemy.schema import CreateIndex, CreateTable

from flows.adapters.clock import SystemClock
from flows.adapters.processes import LinuxProcesses
from flows.adapters.records import engine as engine_module
from flows.adapters.records.engine import open_engine
from flows.adapters.records.guards import metadata
from flows.adapters.records.migrate import MIGRATIONS, check_schema, upgrade
from flows.adapters.records.schema import REVISION, UtcDateTime
from flows.adapters.records.sql import SqlRecords, open_records
from flows.domain.errors import EffectFailed, Refused, Superseded
from flows.domain.instance import Status
from flows.domain.operations import OperationRow, OperationStatus, Run, Trace
from tests.adapters.contracts_records import records_contract
from tests.adapters.record_samples import (
    NOON,
    fill_first_schema,
    instance,
    machine,
    new_database,
    operation,
    records_in,
)

FORK = multiprocessing.get_context("fork")
LINK = "http://127.0.0.1:4210/runs/1"
SECONDS = 20.0


@pytest.fixture
def records(engine: Engine) -> SqlRecords:
    return records_in(engine)


@pytest.fixture
def sqlite(tmp_path: Path) -> Engine:
    return new_database(tmp_path)


@pytest.fixture
def here() -> Run:
    return LinuxProcesses().here("run-1", LINK)


@pytest.fixture
def gone() -> Run:
    """A run whose process has ended."""
    process = subprocess.Popen(["/bin/true"])
    run = Run("run-0", LINK, LinuxProcesses().here("", "").boot, process.pid, 1)
    process.wait(SECONDS)
    return run


def test_the_contract_of_records(records: SqlRecords, here: Run, gone: Run) -> None:
    records_contract(records, here, gone)


def _own_records(engine: Engine) -> SqlRecords:
    """The same records in a process that was forked, with connections of its own."""
    engine.dispose(close=False)
    return records_in(engine)


def _ask(engine: Engine, row: OperationRow, pipe: Connection) -> None:
    """In a process of its own: waits for the start, asks, tells, lives until it is told to go."""
    records = _own_records(engine)
    run = LinuxProcesses().here(f"run-{os.getpid()}", LINK)
    pipe.recv()
    try:
        asked = replace(row, caller=replace(row.caller, asked_by=str(os.getpid()), run=run))
        pipe.send(records.open(asked).epoch)
    except Refused as refused:
        pipe.send(str(refused))
    pipe.recv()


class Asker:
    """A process that asks for an operation."""

    def __init__(self, engine: Engine, row: OperationRow) -> None:
        self.pipe, theirs = FORK.Pipe()
        self.process = FORK.Process(target=_ask, args=(engine, row, theirs), daemon=True)
        self.process.start()

    def start(self) -> None:
        self.pipe.send("start")

    def answer(self) -> Any:
        assert self.pipe.poll(SECONDS), "a process that asked for an operation gave no answer"
        return self.pipe.recv()

    def leave(self) -> None:
        self.pipe.send("leave")
        self.process.join(SECONDS)

    def kill(self) -> None:
        pid = self.process.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        self.process.join(SECONDS)


def test_of_two_processes_at_the_same_moment_one_wins(records: SqlRecords, engine: Engine) -> None:
    for turn in range(8):
        ids = ("race-1", "race-1") if turn % 2 else ("race-1", "race-2")
        askers = [Asker(engine, operation(id, f"turn-{turn}", _nobody())) for id in ids]
        for asker in askers:
            asker.start()
        answers = [asker.answer() for asker in askers]
        (epoch,) = (answer for answer in answers if isinstance(answer, int))
        (sentence,) = (answer for answer in answers if isinstance(answer, str))
        winner = askers[answers.index(epoch)].process.pid
        assert sentence == (
            f'instance "turn-{turn}": create-instance is running on it, asked for by {winner}, '
            f"started 2026-05-04 12:00:00 UTC, see {LINK}; one changing operation at a time is "
            "accepted"
        )
        assert records.holds(epoch)
        records.close(epoch, OperationStatus.SUCCESSFUL, "", {})
        for asker in askers:
            asker.leave()


def test_of_many_threads_one_wins(records: SqlRecords, here: Run) -> None:
    start = threading.Barrier(8)
    epochs: list[int] = []
    refusals: list[str] = []

    def ask() -> None:
        start.wait(SECONDS)
        try:
            epochs.append(records.open(operation("aaaa1111", "demo", here)).epoch)
        except Refused as refused:
            refusals.append(str(refused))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS)
    assert len(epochs) == 1
    assert len(refusals) == 7


def test_a_killed_holder_is_taken_over(records: SqlRecords, engine: Engine, here: Run) -> None:
    killed = Asker(engine, operation("aaaa1111", "demo", _nobody()))
    killed.start()
    epoch = killed.answer()
    with pytest.raises(Refused, match="is running on it"):
        records.open(operation("aaaa1111", "demo", here))
    killed.kill()
    heir = records.open(operation("aaaa1111", "demo", here, verb="delete-instance"))
    assert heir.epoch > epoch
    old = records.history("demo")[-1]
    assert old.status is OperationStatus.INTERRUPTED
    assert old.finished is not None
    assert old.reason == "its process ended without a report; delete-instance of bob took over"
    with pytest.raises(Superseded, match=f"operation {epoch}: it does not run any more"):
        records.close(epoch, OperationStatus.SUCCESSFUL, "", {})


def test_a_creation_that_died_before_its_instance_was_known_is_taken_over_by_name(
    records: SqlRecords, here: Run, gone: Run
) -> None:
    records.open(operation("aaaa1111", "demo", gone))
    assert records.open(operation("bbbb2222", "demo", here)).epoch > 0


def test_a_refused_takeover_changes_nothing(records: SqlRecords, here: Run, gone: Run) -> None:
    """Dead by id, living by name: the dead one stays as it was."""
    dead = records.open(operation("aaaa1111", "old-name", gone))
    records.open(operation("bbbb2222", "demo", here))
    with pytest.raises(Refused):
        records.open(operation("aaaa1111", "demo", here))
    assert records.holds(dead.epoch)


def test_only_an_operation_on_an_instance_can_hold(records: SqlRecords, here: Run) -> None:
    with pytest.raises(ValueError, match="only an operation on an instance can hold one"):
        records.open(operation(None, "demo", here))


def test_an_epoch_is_never_given_twice(records: SqlRecords, engine: Engine, here: Run) -> None:
    last = 0
    for _ in range(3):
        row = records.open(operation("aaaa1111", "demo", here))
        assert row.epoch > last
        last = row.epoch
        _execute(engine, "DELETE FROM operations")


def test_refused_creations_stand_in_the_history(records: SqlRecords, here: Run) -> None:
    refused = replace(
        operation(None, "abc", here),
        status=OperationStatus.REFUSED,
        finished=NOON,
        reason='name "abc": it has 3 characters, 4 to 64 are accepted',
    )
    records.note(refused)
    (line,) = records.history(None)
    assert line == replace(refused, epoch=line.epoch)


def test_the_history_of_a_name_holds_what_its_instance_did_under_other_names(
    records: SqlRecords, here: Run
) -> None:
    records.add(instance("aaaa1111", "new-name"))
    row = records.open(operation("aaaa1111", "old-name", here))
    assert records.history("new-name") == (row,)
    assert records.history("old-name") == (row,)
    assert records.history("aaaa1111") == (row,)


def test_the_first_wish_belongs_to_the_operation_that_opens_it(
    records: SqlRecords, engine: Engine, here: Run
) -> None:
    records.add(instance("aaaa1111", "demo"))
    first = records.open(operation("aaaa1111", "demo", here))
    records.close(first.epoch, OperationStatus.FAILED, "", {})
    records.open(operation("aaaa1111", "demo", here))
    with engine.connect() as connection:
        made = connection.execute(text("SELECT revision, operation FROM revisions")).all()
    assert [tuple(row) for row in made] == [(1, first.epoch)]


@pytest.mark.parametrize("statement", ["UPDATE traces SET who = 'eve'", "DELETE FROM traces"])
def test_a_new_trace_is_never_changed_or_deleted(
    records: SqlRecords, engine: Engine, statement: str
) -> None:
    records.trace(Trace("createDMSInstanceTaskSuccess", "bob", "cli", "demo", {}, "done"))
    with (
        pytest.raises(Exception, match=r"trace .* never (changed|deleted)"),
        engine.begin() as it,
    ):
        it.execute(text(statement))
    assert [trace.who for trace in records.traces()] == ["bob"]


def test_no_other_row_may_have_a_machine(records: SqlRecords) -> None:
    """What a constraint forbids is a sentence without the values."""
    with pytest.raises(EffectFailed) as error:
        records.keep_machine("nobody", machine("nobody", 1))
    assert re.fullmatch(
        r"records: the database refused a row: (FOREIGN KEY constraint failed|insert or update on "
        r'table "machines" violates foreign key constraint "fk_machines_instance_id")',
        str(error.value),
    )
    assert "AAAA" not in str(error.value.__cause__)


def test_many_processes_write_at_once(records: SqlRecords, engine: Engine) -> None:
    def write(number: int) -> None:
        records = _own_records(engine)
        for turn in range(15):
            records.trace(Trace(f"{number}-{turn}", "bob", "cli", "demo", {}, "done"))
            records.traces("demo")

    processes = [FORK.Process(target=write, args=(number,)) for number in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(SECONDS)
    assert [process.exitcode for process in processes] == [0] * 4
    assert len({trace.name for trace in records.traces()}) == 60


def test_a_wait_for_another_writer_has_a_limit(
    monkeypatch: pytest.MonkeyPatch, sqlite: Engine, tmp_path: Path
) -> None:
    monkeypatch.setattr(engine_module, "BUSY_SECONDS", 0.1)
    hasty = SqlRecords(open_engine(str(sqlite.url)), LinuxProcesses(), SystemClock())
    other = sqlite3.connect(tmp_path / "home" / "records.db", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(EffectFailed) as busy:
            hasty.set_status("aaaa1111", instance("aaaa1111", "demo").status)
        assert str(busy.value) == "records: the database did not answer: database is locked"
        assert hasty.living() == ()
    finally:
        other.close()


def test_the_database_is_its_owners_alone(tmp_path: Path) -> None:
    old = os.umask(0o022)
    try:
        engine = open_engine(f"sqlite:///{tmp_path}/home/records.db")
        upgrade(engine)
        with engine.connect() as connection:
            connection.execute(text("SELECT 1 FROM traces"))
            files = {path.name: path.stat().st_mode & 0o777 for path in tmp_path.glob("home/*")}
    finally:
        os.umask(old)
    assert files == {"records.db": 0o600, "records.db-wal": 0o600, "records.db-shm": 0o600}
    assert (tmp_path / "home").stat().st_mode & 0o777 == 0o700


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)
_ZONES = st.integers(-23 * 60, 23 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
_MOMENTS = st.datetimes(
    min_value=datetime(1970, 1, 2), max_value=datetime(9999, 1, 1), timezones=_ZONES
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    asked=st.dictionaries(st.text(), _JSON),
    started=_MOMENTS,
    link=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
)
def test_a_row_comes_back_as_it_was_written(
    records: SqlRecords, asked: dict[str, Any], started: datetime, link: str
) -> None:
    row = replace(operation(None, "demo", _nobody(link)), request=asked, started=started)
    noted = records.note(replace(row, status=OperationStatus.SUCCESSFUL))
    found = records.history("demo")[0]
    assert found == replace(row, epoch=noted.epoch, status=OperationStatus.SUCCESSFUL)
    assert found.started.tzinfo is UTC


def test_a_text_with_nul_is_kept_as_far_as_the_database_can(records: SqlRecords) -> None:
    records.note(replace(operation(None, "a\0b", _nobody()), status=OperationStatus.REFUSED))
    assert records.history(None)[0].instance_name in ("a\0b", "a\N{SYMBOL FOR NULL}b")


def test_a_moment_without_a_zone_is_refused(records: SqlRecords, here: Run) -> None:
    naive = replace(operation(None, "demo", here), started=datetime(2026, 5, 4))
    with pytest.raises(Exception, match="has no time zone"):
        records.note(naive)


def test_a_moment_may_be_unknown() -> None:
    dialect = make_url("postgresql+psycopg://").get_dialect()()
    assert UtcDateTime().process_bind_param(None, dialect) is None
    assert UtcDateTime().process_result_value(None, dialect) is None
    there = datetime(2026, 5, 4, 14, tzinfo=timezone(timedelta(hours=2)))
    assert UtcDateTime().process_result_value(there, dialect) == NOON


DEFINITIONS = {
    "sqlite": "SELECT name, sql AS words FROM sqlite_master",
    "postgresql": """
        SELECT table_name || '.' || column_name AS name, data_type || ' ' || is_nullable || ' '
            || is_identity || ' ' || coalesce(column_default, '') AS words
        FROM information_schema.columns WHERE table_schema = 'public'
        UNION SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'
        UNION SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
            WHERE connamespace = 'public'::regnamespace
        UNION SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE NOT tgisinternal
        UNION SELECT proname, prosrc FROM pg_proc WHERE pronamespace = 'public'::regnamespace
    """,
}


def _definitions(engine: Engine) -> dict[str, str]:
    with engine.connect() as connection:
        found = connection.execute(text(DEFINITIONS[engine.dialect.name])).all()
    # A column that a migration adds comes last, so the order of a table's lines is no difference.
    return {
        row.name: "\n".join(sorted(re.split(r", (?![^(]*\))", " ".join(row.words.split()))))
        for row in found
        if row.words and "alembic" not in row.name
    }


def test_migrating_gives_exactly_the_tables_of_the_program(
    engine: Engine, blank_again: Engine
) -> None:
    metadata.create_all(blank_again)
    assert _definitions(engine) == _definitions(blank_again)
    assert {"traces_are_never_changed", "traces_are_kept"} & _definitions(engine).keys()


def test_what_the_first_schema_held_is_there_in_the_newest(blank_url: str, here: Run) -> None:
    engine = open_engine(blank_url)
    upgrade(engine, "0001")
    fill_first_schema(engine)
    upgrade(engine)
    records = records_in(engine)
    (row,) = records.living()
    assert row == replace(
        instance("aaaa1111", "demo"), status=Status.RUNNING, observed={"controller": 2}
    )
    assert records.machines("aaaa1111") == (machine("aaaa1111", 1),)
    (wish,) = records.wishes("aaaa1111")
    assert (wish.number, wish.operation, wish.made) == (1, 41, NOON)
    (line,) = records.history("demo")
    assert (line.epoch, line.status, line.request) == (41, OperationStatus.SUCCESSFUL, {"n": [1]})
    (trace,) = records.traces("demo")
    assert (trace.number, trace.time, trace.parameters) == (5, NOON, {"brokers": 3})
    assert records.open(operation("aaaa1111", "demo", here)).epoch > 41
    assert records.forget_traces(NOON + timedelta(days=1)) == 1
    with engine.connect() as connection:
        kept = connection.execute(text("SELECT ciphertext FROM secrets")).scalar_one()
    assert kept == "gAAAA"
    engine.dispose()


def test_migrating_again_changes_nothing(records: SqlRecords, engine: Engine) -> None:
    records.add(instance("aaaa1111", "demo"))
    upgrade(engine)
    assert [row.id for row in records.living()] == ["aaaa1111"]


def test_the_program_knows_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_current_head() == REVISION


def test_the_tables_can_be_written_for_postgresql() -> None:
    dialect = make_url("postgresql+psycopg://").get_dialect()()
    tables = {table.name: str(CreateTable(table).compile(dialect=dialect))
              for table in metadata.tables.values()}  # fmt: skip
    assert "number BIGINT GENERATED BY DEFAULT AS IDENTITY" in tables["operations"]
    assert "started TIMESTAMP WITH TIME ZONE NOT NULL" in tables["operations"]
    indexes = {str(index.name): str(CreateIndex(index).compile(dialect=dialect))
               for table in metadata.tables.values() for index in table.indexes}  # fmt: skip
    assert "WHERE status = 'running' AND holds" in indexes["one_holder_per_instance"]


def _open(url: str) -> SqlRecords:
    return open_records(url, LinuxProcesses(), SystemClock())


def test_records_that_nobody_made_are_not_made_by_looking(tmp_path: Path) -> None:
    path = tmp_path / "home" / "records.db"
    with pytest.raises(EffectFailed) as error:
        _open(f"sqlite:///{path}")
    assert str(error.value) == f"records: there are none at {path}; `fleet up` makes them"
    assert not path.parent.exists()


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ("DROP TABLE alembic_version", "empty"),
        ("UPDATE alembic_version SET version_num = '9999'", "9999"),
        ("DELETE FROM alembic_version", "empty"),
    ],
)
def test_records_of_another_program_are_not_touched(
    engine: Engine, change: str, found: str
) -> None:
    _execute(engine, change)
    with pytest.raises(EffectFailed) as error:
        check_schema(engine)
    assert str(error.value) == (
        f"records: their schema is {found}, this program needs {REVISION}; "
        "`fleet up` brings an older one up to date"
    )


def test_records_of_this_program_are_opened(engine: Engine, sqlite: Engine) -> None:
    check_schema(engine)
    assert _open(str(sqlite.url)).living() == ()


def test_looking_imports_nothing_dear() -> None:
    program = (
        "import sys, flows.queries.history, flows.queries.instances, flows.queries.show\n"
        "import flows.adapters.records.sql\n"
        "dear = {'alembic', 'prefect', 'rich', 'cryptography', 'sqlalchemy.dialects.postgresql'}\n"
        "print(sorted(dear & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=SECONDS, check=True
    )
    assert done.stdout == "[]\n"


def _nobody(link: str = LINK) -> Run:
    return Run("run-0", link, "no boot", 1, 1)


def _execute(engine: Engine, statement: str) -> None:
    with engine.begin() as connection:
        connection.execute(text(statement))
