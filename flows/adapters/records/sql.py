"""`Records` in a database: SQLite for one machine, PostgreSQL by its URL."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, insert, or_, select, update

from flows.adapters.records import allowances, forgetting, lock
from flows.adapters.records.engine import Collision, open_engine, reading, writing
from flows.adapters.records.migrate import check_schema
from flows.adapters.records.rows import (
    instance_of,
    instance_values,
    machine_of,
    machine_values,
    operation_of,
    revision_of,
    trace_of,
    trace_values,
)
from flows.adapters.records.schema import instances, machines, operations, revisions, traces
from flows.adapters.site import Clock, InstanceRow, Processes, Revision
from flows.domain.errors import EffectFailed, refusal
from flows.domain.instance import Machine, Status
from flows.domain.operations import OperationRow, OperationStatus, Trace
from flows.domain.progress import Progress
from flows.domain.quotas import DEFAULT_QUOTAS, Allowance, Amount
from flows.domain.wish import Wish

T = TypeVar("T")

_LIVING = instances.c.status != Status.DELETED.value
_WITH_WISH = select(instances, revisions.c.wish).join(
    revisions,
    and_(revisions.c.instance_id == instances.c.id, revisions.c.revision == instances.c.revision),
)


def open_records(
    url: str, processes: Processes, clock: Clock, quotas: Amount = DEFAULT_QUOTAS
) -> SqlRecords:
    """The records at a URL; EffectFailed when `fleet up` has not made or updated them."""
    engine = open_engine(url)
    check_schema(engine)
    return SqlRecords(engine, processes, clock, quotas)


class SqlRecords:
    """What is remembered; each method is one transaction."""

    def __init__(
        self,
        engine: Engine,
        processes: Processes,
        clock: Clock,
        quotas: Amount = DEFAULT_QUOTAS,
    ) -> None:
        self._engine = engine
        self._processes = processes
        self._clock = clock
        self._quotas = quotas

    def find(self, name_or_id: str) -> InstanceRow | None:
        """A living instance by name or id."""
        return next(iter(self._instances(_LIVING, _called(name_or_id))), None)

    def find_deleted(self, name_or_id: str) -> InstanceRow | None:
        """The youngest deleted instance of that name or id."""
        return next(iter(self._instances(~_LIVING, _called(name_or_id))), None)

    def living(self) -> tuple[InstanceRow, ...]:
        """Every instance that is not deleted, by name."""
        return tuple(sorted(self._instances(_LIVING), key=lambda row: row.wish.name))

    def add(self, row: InstanceRow) -> None:
        """A new instance with its first wish, which the next operation to open it has made.

        Refused when a living instance has the name, or any instance ever had it as its id, and
        beyond the quotas.
        """
        self._settle(lambda connection: self._add(connection, row))

    def allowance(self, instance_id: str) -> Allowance:
        """The quotas, what of them is used, and how much of that is this instance."""
        with reading(self._engine) as connection:
            return allowances.allowance(connection, self._quotas, instance_id)

    def set_status(
        self, instance_id: str, status: Status, reason: str = "", epoch: int | None = None
    ) -> None:
        """The instance has this status; as `Deleted` its name is free again.

        Superseded when the operation `epoch`, if one is given, does not hold the instance.
        """
        with writing(self._engine) as connection:
            if epoch is not None:
                lock.check_holds(connection, epoch)
            _change_instance(connection, instance_id, status=status.value, reason=reason)

    def set_status_at_rest(
        self, instance_id: str, seen: Status, status: Status, reason: str
    ) -> bool:
        """The same for whoever holds nothing: only if nothing else has happened since it looked.

        Answers whether it was set.
        """
        still = and_(instances.c.id == instance_id, instances.c.status == seen.value)
        with writing(self._engine) as connection:
            if lock.living_holder(connection, instance_id, self._processes):
                return False
            changed = connection.execute(
                update(instances).where(still).values(status=status.value, reason=reason)
            )
        return bool(changed.rowcount)

    def revise(self, instance_id: str, wish: Wish, epoch: int) -> int:
        """The wish is the instance's newest revision, made by that operation; returns its number.

        The wish that the instance has already makes no new one. Refused when a living instance
        has the name, and for growth beyond the quotas.
        """
        return self._settle(lambda connection: self._revise(connection, instance_id, wish, epoch))

    def wishes(self, instance_id: str) -> tuple[Revision, ...]:
        """Every revision of an instance, oldest first."""
        query = (
            select(revisions)
            .where(revisions.c.instance_id == instance_id)
            .order_by(revisions.c.revision)
        )
        with reading(self._engine) as connection:
            return tuple(revision_of(row) for row in connection.execute(query))

    def set_observed(self, instance_id: str, observed: Mapping[str, Any]) -> None:
        """What was seen before is replaced by this."""
        with writing(self._engine) as connection:
            _change_instance(connection, instance_id, observed=dict(observed))

    def machines(self, instance_id: str) -> tuple[Machine, ...]:
        """The machines in use, by broker and generation."""
        query = (
            select(machines)
            .where(machines.c.instance_id == instance_id, machines.c.gone.is_(None))
            .order_by(machines.c.broker, machines.c.generation)
        )
        with reading(self._engine) as connection:
            return tuple(machine_of(row) for row in connection.execute(query))

    def keep_machine(self, instance_id: str, machine: Machine) -> None:
        """The machine is remembered with what is known of it now."""
        values = machine_values(instance_id, machine)
        with writing(self._engine) as connection:
            known = connection.execute(
                update(machines).where(machines.c.name == machine.name).values(values)
            )
            if not known.rowcount:
                connection.execute(insert(machines).values(values))

    def forget_machine(self, instance_id: str, name: str) -> None:
        """The machine is not in use any more; its name stays known."""
        self._forget(machines.c.instance_id == instance_id, machines.c.name == name)

    def forget_machines(self, instance_id: str) -> None:
        """No machine of the instance is in use any more; their names stay known."""
        self._forget(machines.c.instance_id == instance_id)

    def open(self, row: OperationRow) -> OperationRow:
        """The operation holds its instance, with an epoch that is higher than all before.

        Refused, naming the living one, when another holds its id or its name. One whose process
        is gone becomes `interrupted`.
        """
        now = self._clock.now()
        return self._settle(lambda connection: lock.take(connection, row, self._processes, now))

    def note(self, row: OperationRow) -> OperationRow:
        """A line of the history that holds nothing: refused requests and plans."""
        with writing(self._engine) as connection:
            return lock.enter(connection, row, holds=False)

    def holds(self, epoch: int) -> bool:
        """Whether the operation still holds its instance."""
        query = select(operations.c.number).where(operations.c.number == epoch, lock.HOLDING)
        with reading(self._engine) as connection:
            return connection.execute(query).first() is not None

    def holder(self, instance_id: str) -> OperationRow | None:
        """The living operation of an instance."""
        with reading(self._engine) as connection:
            return lock.living_holder(connection, instance_id, self._processes)

    def note_progress(self, epoch: int, progress: Progress) -> None:
        """The history says how far a running operation is; one that ended says nothing."""
        running = operations.c.status == OperationStatus.RUNNING.value
        with writing(self._engine) as connection:
            connection.execute(
                update(operations)
                .where(operations.c.number == epoch, running)
                .values(result={"progress": progress.stored()})
            )

    def close(
        self, epoch: int, status: OperationStatus, reason: str, result: Mapping[str, Any]
    ) -> None:
        """The operation has ended and holds nothing; Superseded when it had ended before."""
        running = operations.c.status == OperationStatus.RUNNING.value
        values = {"status": status.value, "reason": reason, "result": dict(result)}
        with writing(self._engine) as connection:
            closed = connection.execute(
                update(operations)
                .where(operations.c.number == epoch, running)
                .values(**values, finished=self._clock.now())
            )
        if not closed.rowcount:
            raise lock.superseded(epoch)

    def history(self, instance: str | None) -> tuple[OperationRow, ...]:
        """Newest first; of one instance (name or id) or of all, refused creations too.

        One that runs without a living process is shown as `interrupted`.
        """
        query = select(operations).order_by(operations.c.number.desc())
        if instance is not None:
            query = query.where(_about(instance))
        with reading(self._engine) as connection:
            rows = connection.execute(query).all()
        return tuple(self._as_it_stands(operation_of(row)) for row in rows)

    def forget_operations(self, numbers: Collection[int]) -> int:
        """These lines of the history are gone, but those of living operations; answers how many."""
        with writing(self._engine) as connection:
            return forgetting.forget(connection, numbers, self._processes)

    def trace(self, trace: Trace) -> None:
        """A line is added to the audit, at this moment."""
        values = {**trace_values(trace), "time": self._clock.now()}
        with writing(self._engine) as connection:
            connection.execute(insert(traces).values(values))

    def traces(self, resource: str | None = None) -> tuple[Trace, ...]:
        """The audit, oldest first; of one resource or of all."""
        query = select(traces).order_by(traces.c.number)
        if resource is not None:
            query = query.where(traces.c.resource == resource)
        with reading(self._engine) as connection:
            return tuple(trace_of(row) for row in connection.execute(query))

    def forget_traces(self, before: datetime) -> int:
        """The audit begins at that moment; the database keeps what is younger than a day."""
        with writing(self._engine) as connection:
            return connection.execute(delete(traces).where(traces.c.time < before)).rowcount

    def _forget(self, *which: ColumnElement[bool]) -> None:
        used = and_(machines.c.gone.is_(None), *which)
        with writing(self._engine) as connection:
            connection.execute(update(machines).where(used).values(gone=self._clock.now()))

    def _instances(self, *conditions: ColumnElement[bool]) -> tuple[InstanceRow, ...]:
        query = _WITH_WISH.where(*conditions).order_by(instances.c.created.desc())
        with reading(self._engine) as connection:
            return tuple(instance_of(row) for row in connection.execute(query))

    def _add(self, connection: Connection, row: InstanceRow) -> None:
        _check_label(connection, row)
        allowances.check(connection, self._quotas, row.id, row.wish)
        connection.execute(insert(instances).values(instance_values(row)))
        connection.execute(
            insert(revisions).values(
                instance_id=row.id,
                revision=row.revision,
                wish=row.wish.model_dump(mode="json"),
                made=self._clock.now(),
            )
        )

    def _revise(self, connection: Connection, instance_id: str, wish: Wish, epoch: int) -> int:
        found = connection.execute(_WITH_WISH.where(instances.c.id == instance_id)).one_or_none()
        if found is None:
            raise EffectFailed(f"records: there is no instance with the id {instance_id}")
        row = instance_of(found)
        if row.wish == wish:
            return row.revision
        if row.wish.name != wish.name:
            _check_label(connection, replace(row, wish=wish))
        allowances.check(connection, self._quotas, instance_id, wish)
        number = row.revision + 1
        connection.execute(
            insert(revisions).values(
                instance_id=instance_id,
                revision=number,
                wish=wish.model_dump(mode="json"),
                operation=epoch,
                made=self._clock.now(),
            )
        )
        connection.execute(
            update(instances)
            .where(instances.c.id == instance_id)
            .values(revision=number, name=wish.name)
        )
        return number

    def _as_it_stands(self, row: OperationRow) -> OperationRow:
        if row.status is not OperationStatus.RUNNING or self._processes.alive(row.caller.run):
            return row
        return replace(row, status=OperationStatus.INTERRUPTED, reason=lock.PROCESS_GONE)

    def _settle(self, work: Callable[[Connection], T]) -> T:
        """Looks and writes; once more when another process wrote between the two.

        Only where writers do not wait for each other (PostgreSQL); the second look finds what
        the other one wrote.
        """
        try:
            with writing(self._engine) as connection:
                return work(connection)
        except Collision:
            with writing(self._engine) as connection:
                return work(connection)


def _change_instance(connection: Connection, instance_id: str, **values: Any) -> None:
    changed = connection.execute(
        update(instances).where(instances.c.id == instance_id).values(**values)
    )
    if not changed.rowcount:
        raise EffectFailed(f"records: there is no instance with the id {instance_id}")


def _called(name_or_id: str) -> ColumnElement[bool]:
    return or_(instances.c.name == name_or_id, instances.c.id == name_or_id)


def _about(instance: str) -> ColumnElement[bool]:
    """Operations that name the instance, and those of instances that have the name now."""
    ids = select(instances.c.id).where(_called(instance))
    return or_(operations.c.instance_name == instance, operations.c.instance_id.in_(ids),
               operations.c.instance_id == instance)  # fmt: skip


def _check_label(connection: Connection, row: InstanceRow) -> None:
    name = row.wish.name
    taken = select(instances.c.id).where(_LIVING, instances.c.name == name)
    holder = connection.scalar(taken)
    if holder is not None:
        raise refusal("name", name, f"the instance {holder} has it; choose another")
    ids = select(instances.c.id).where(instances.c.id == name)
    if connection.scalar(ids) is not None or row.id == name:
        raise refusal("name", name, "it is the id of an instance; choose another")
