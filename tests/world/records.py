"""Records in memory, with the rules of the real ones: one holder, unique living names."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from flows.adapters.site import InstanceRow, Revision
from flows.domain.errors import EffectFailed, Refused, Superseded, refusal
from flows.domain.instance import Machine, Status
from flows.domain.operations import OperationRow, OperationStatus, Run, Trace
from flows.domain.progress import Progress
from flows.domain.quotas import DEFAULT_QUOTAS, Allowance, Amount, amount_of, check_quotas
from flows.domain.wish import Wish
from tests.world.effects import Effects, Fake, changes


class FakeRecords(Fake):
    """Implements `Records` on dictionaries."""

    def __init__(
        self, effects: Effects, alive: Callable[[Run], bool], now: Callable[[], datetime]
    ) -> None:
        self.effects = effects
        self._alive = alive
        self._now = now
        self.rows: dict[str, InstanceRow] = {}
        self.revisions: dict[str, list[Revision]] = {}
        self.operations: dict[int, OperationRow] = {}
        self.audit: list[Trace] = []
        self._machines: dict[str, dict[str, Machine]] = {}
        self.quotas = DEFAULT_QUOTAS
        self._epoch = 0
        self._traced = 0

    def find(self, name_or_id: str) -> InstanceRow | None:
        """A living instance by name or id."""
        return _first(row for row in self.living() if name_or_id in (row.id, row.wish.name))

    def find_deleted(self, name_or_id: str) -> InstanceRow | None:
        """The newest deleted instance of that name or id."""
        gone = [row for row in self.rows.values() if row.status is Status.DELETED]
        return _first(row for row in reversed(gone) if name_or_id in (row.id, row.wish.name))

    def living(self) -> tuple[InstanceRow, ...]:
        """All that are not deleted."""
        return tuple(row for row in self.rows.values() if row.status is not Status.DELETED)

    def allowance(self, instance_id: str) -> Allowance:
        """The sum over all that are not deleted."""
        amounts = {row.id: amount_of(row.wish) for row in self.living()}
        used = sum(amounts.values(), Amount())
        return Allowance(self.quotas, used, amounts.get(instance_id, Amount()))

    @changes
    def add(self, row: InstanceRow) -> None:
        """A new instance; its name must be free, and no id."""
        self._check_label(row.wish.name, row.id)
        check_quotas(self.allowance(row.id), row.wish)
        self.rows[row.id] = row
        self.revisions[row.id] = [Revision(row.revision, row.wish, None, self._now())]

    @changes
    def revise(self, instance_id: str, wish: Wish, epoch: int) -> int:
        """One more revision, if the wish is another one."""
        row = self._row(instance_id)
        if row.wish == wish:
            return row.revision
        if wish.name != row.wish.name:
            self._check_label(wish.name, instance_id)
        check_quotas(self.allowance(instance_id), wish)
        made = Revision(row.revision + 1, wish, epoch, self._now())
        self.revisions[instance_id].append(made)
        self.rows[instance_id] = replace(row, wish=wish, revision=made.number)
        return made.number

    def wishes(self, instance_id: str) -> tuple[Revision, ...]:
        """Oldest first."""
        return tuple(self.revisions.get(instance_id, ()))

    @changes
    def set_status(
        self, instance_id: str, status: Status, reason: str = "", epoch: int | None = None
    ) -> None:
        """The instance has the status."""
        if epoch is not None and not self.holds(epoch):
            raise Superseded(f"operation {epoch}: it does not run any more; another took over")
        self.rows[instance_id] = replace(self._row(instance_id), status=status, reason=reason)

    @changes
    def set_status_at_rest(
        self, instance_id: str, seen: Status, status: Status, reason: str
    ) -> bool:
        """The instance has the status, if nothing has happened to it."""
        row = self.rows.get(instance_id)
        if row is None or row.status is not seen or self.holder(instance_id):
            return False
        self.rows[instance_id] = replace(row, status=status, reason=reason)
        return True

    @changes
    def set_observed(self, instance_id: str, observed: Mapping[str, Any]) -> None:
        """What the sweep saw."""
        self.rows[instance_id] = replace(self._row(instance_id), observed=observed)

    def machines(self, instance_id: str) -> tuple[Machine, ...]:
        """In the order of their brokers."""
        found = self._machines.get(instance_id, {}).values()
        return tuple(sorted(found, key=lambda machine: (machine.broker, machine.generation)))

    @changes
    def keep_machine(self, instance_id: str, machine: Machine) -> None:
        """The machine is remembered."""
        self._machines.setdefault(instance_id, {})[machine.name] = machine

    @changes
    def forget_machine(self, instance_id: str, name: str) -> None:
        """One machine is not remembered."""
        self._machines.get(instance_id, {}).pop(name, None)

    @changes
    def forget_machines(self, instance_id: str) -> None:
        """No machine is remembered."""
        self._machines.pop(instance_id, None)

    @changes
    def open(self, row: OperationRow) -> OperationRow:
        """Takes the instance, over a dead holder if need be."""
        for holder in self._running(row.instance_id, row.instance_name):
            if self._alive(holder.caller.run):
                raise Refused(_busy(holder))
            heir = f"{row.operation} of {row.caller.asked_by}"
            reason = f"its process ended without a report; {heir} took over"
            self._end(holder.epoch, OperationStatus.INTERRUPTED, reason, {})
        return self._keep(replace(row, held=True))

    @changes
    def note(self, row: OperationRow) -> OperationRow:
        """A row that holds nothing."""
        return self._keep(row)

    def holds(self, epoch: int) -> bool:
        """Whether the operation is the running one."""
        row = self.operations.get(epoch)
        return row is not None and row.held and row.status is OperationStatus.RUNNING

    def holder(self, instance_id: str) -> OperationRow | None:
        """The living operation of an instance."""
        running = self._running(instance_id, None)
        return _first(row for row in running if self._alive(row.caller.run))

    @changes
    def note_progress(self, epoch: int, progress: Progress) -> None:
        """It is kept with the operation, if that runs."""
        if epoch in {row.epoch for row in self._running_at_all()}:
            told = {"progress": progress.stored()}
            self.operations[epoch] = replace(self.operations[epoch], result=told)

    @changes
    def close(
        self, epoch: int, status: OperationStatus, reason: str, result: Mapping[str, Any]
    ) -> None:
        """The operation ended; one that lost its instance cannot."""
        if epoch not in {row.epoch for row in self._running_at_all()}:
            raise Superseded(f"operation {epoch}: it does not run any more")
        self._end(epoch, status, reason, result)

    def history(self, instance: str | None) -> tuple[OperationRow, ...]:
        """Newest first; a running one whose process is gone shows as interrupted."""
        rows = sorted(self.operations.values(), key=lambda row: -row.epoch)
        return tuple(
            self._as_it_stands(row)
            for row in rows
            if instance is None
            or instance in (row.instance_id, row.instance_name)
            or row.instance_id in self._ids_called(instance)
        )

    @changes
    def forget_operations(self, numbers: Collection[int]) -> int:
        """They are gone, but the living ones."""
        ended = {
            number
            for number in numbers
            if number in self.operations
            and self._as_it_stands(self.operations[number]).status is not OperationStatus.RUNNING
        }
        for number in ended:
            del self.operations[number]
        return len(ended)

    @changes
    def trace(self, trace: Trace) -> None:
        """One more line of the audit."""
        self._traced += 1
        self.audit.append(replace(trace, number=self._traced, time=self._now()))

    @changes
    def forget_traces(self, before: datetime) -> int:
        """Older lines are gone."""
        old = [trace for trace in self.audit if trace.time and trace.time < before]
        self.audit = [trace for trace in self.audit if trace not in old]
        return len(old)

    def traces(self, resource: str | None = None) -> tuple[Trace, ...]:
        """Oldest first."""
        return tuple(each for each in self.audit if resource in (None, each.resource))

    def _check_label(self, name: str, instance_id: str) -> None:
        if name in self.rows or name == instance_id:
            raise refusal("name", name, "it is the id of an instance; choose another")
        taken = self.find(name)
        if taken is not None:
            raise refusal("name", name, f"the instance {taken.id} has it; choose another")

    def _ids_called(self, name: str) -> set[str]:
        return {row.id for row in self.rows.values() if row.wish.name == name}

    def _row(self, instance_id: str) -> InstanceRow:
        if instance_id not in self.rows:
            raise EffectFailed(f"records: there is no instance with the id {instance_id}")
        return self.rows[instance_id]

    def _running(self, instance_id: str | None, name: str | None) -> list[OperationRow]:
        return [
            row
            for row in self._running_at_all()
            if row.held and (row.instance_id == instance_id or row.instance_name == name)
        ]

    def _running_at_all(self) -> list[OperationRow]:
        rows = self.operations.values()
        return [row for row in rows if row.status is OperationStatus.RUNNING]

    def _as_it_stands(self, row: OperationRow) -> OperationRow:
        gone = row.status is OperationStatus.RUNNING and not self._alive(row.caller.run)
        return replace(row, status=OperationStatus.INTERRUPTED) if gone else row

    def _keep(self, row: OperationRow) -> OperationRow:
        self._epoch += 1
        kept = replace(row, epoch=self._epoch)
        self.operations[kept.epoch] = kept
        return kept

    def _end(
        self, epoch: int, status: OperationStatus, reason: str, result: Mapping[str, Any]
    ) -> None:
        row = self.operations[epoch]
        self.operations[epoch] = replace(
            row, status=status, reason=reason, result=result, finished=self._now()
        )


def _busy(holder: OperationRow) -> str:
    started = holder.started.strftime("%Y-%m-%d %H:%M:%S UTC")
    return (
        f'instance "{holder.instance_name}": {holder.operation} is running on it, asked for by '
        f"{holder.caller.asked_by}, started {started}, see {holder.caller.run.link}; "
        "one changing operation at a time is accepted"
    )


T = TypeVar("T")


def _first(found: Iterable[T]) -> T | None:
    return next(iter(found), None)
