"""Records of their own for a test, and instances, machines and operations to fill them with."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, text

from flows.adapters.clock import SystemClock
from flows.adapters.processes import LinuxProcesses
from flows.adapters.records.engine import open_engine
from flows.adapters.records.migrate import upgrade
from flows.adapters.records.sql import SqlRecords
from flows.adapters.site import InstanceRow
from flows.domain.instance import Machine, Status
from flows.domain.operations import Caller, Door, OperationRow, OperationStatus, Run
from flows.domain.wish import CapacityPolicy, DiskType, Wish

NOON = datetime(2026, 5, 4, 12, 0, tzinfo=UTC)


def sqlite_url(directory: Path) -> str:
    """The URL of the records of a home in that directory."""
    return f"sqlite:///{directory / 'home' / 'records.db'}"


def new_database(directory: Path) -> Engine:
    """An empty database in a home of its own, made by the migrations."""
    engine = open_engine(sqlite_url(directory))
    upgrade(engine)
    return engine


def records_in(engine: Engine) -> SqlRecords:
    """The records of this machine's processes."""
    return SqlRecords(engine, LinuxProcesses(), SystemClock())


def wish(name: str, **changes: Any) -> Wish:
    """A wish with SASL_SSL on and three brokers."""
    values: dict[str, Any] = {
        "name": name,
        "version": "2.7",
        "flavor": "kafka.2u4g.cluster",
        "brokers": 3,
        "storage_per_broker": 100,
        "disk_type": DiskType.ULTRA,
        "disk_encryption": False,
        "capacity_policy": CapacityPolicy.DELETE_OLDEST,
        "availability_zones": 3,
        "provider": "lab",
        "network": "lan",
        "subnet": "lan-1",
        "security_group": "default",
        "sasl_ssl": True,
        "sasl_plain": False,
        "first_user": "alice",
        "manager_user": None,
        "auto_create_topics": False,
        "tags": (("team", "billing"), ("stage", "test")),
    }
    return Wish(**{**values, **changes})


def instance(id: str, name: str, **changes: Any) -> InstanceRow:
    """An instance that is being created."""
    return InstanceRow(
        id=id,
        organization=f"{id}-k3x9",
        status=Status.CREATING,
        reason="",
        revision=1,
        wish=wish(name, **changes),
        created=NOON,
        observed={},
    )


def machine(instance_id: str, broker: int, generation: int = 1) -> Machine:
    """A machine in a zone of its own."""
    return Machine(
        name=f"{instance_id}-{broker}-{generation}",
        broker=broker,
        generation=generation,
        address=f"198.18.0.{10 + broker}",
        zone=f"az{broker}",
        host_key=f"ssh-ed25519 AAAA{broker}{generation}",
    )


def fill_first_schema(engine: Engine) -> None:
    """One row in each table of schema 0001, as the first program wrote them."""
    id, moment = "aaaa1111", "2026-05-04 12:00:00+00:00"
    if engine.dialect.name == "sqlite":
        moment = "2026-05-04 12:00:00.000000"
    rows = {
        "instances": f"'{id}', 'demo', '{id}-k3x9', 'Running', '', 1, '{moment}', :observed",
        "revisions": f"'{id}', 1, :wish, 41, '{moment}'",
        "machines": f"'{id}-1-1', '{id}', 1, 1, '198.18.0.11', 'az1', "
        "'ssh-ed25519 AAAA11', '/dev/vdb', NULL",
        "operations": f"41, 'create-instance', '{id}', 'demo', 'successful', true, 'bob', 'cli', "
        f"'run-1', '', 'boot', 7, 8, :request, '{moment}', '{moment}', '', :nothing",
        "traces": f"5, '{moment}', 'createDMSInstanceTaskSuccess', 'bob', 'cli', 'demo', "
        ":parameters, 'done', 'normal'",
        "secrets": f"'{id}', 'ssh-key', 'gAAAA'",
    }
    values = {
        "observed": '{"controller": 2}',
        "wish": wish("demo").model_dump_json(),
        "request": '{"n": [1]}',
        "nothing": "{}",
        "parameters": '{"brokers": 3}',
    }
    with engine.begin() as connection:
        for table, row in rows.items():
            used = {name: value for name, value in values.items() if f":{name}" in row}
            connection.execute(text(f"INSERT INTO {table} VALUES ({row})"), used)
        if engine.dialect.name == "postgresql":
            # There the numbers would have come from a sequence.
            connection.execute(text("ALTER TABLE operations ALTER number RESTART WITH 42"))


def operation(
    instance_id: str | None, name: str, run: Run, verb: str = "create-instance"
) -> OperationRow:
    """An operation that Bob asked for on the command line."""
    return OperationRow(
        epoch=0,
        operation=verb,
        instance_id=instance_id,
        instance_name=name,
        status=OperationStatus.RUNNING,
        caller=Caller("bob", Door.CLI, run),
        request={"name": name, "brokers": 3},
        started=NOON,
    )
