"""Which hosts are taken, and which could not be given back clean; kept beside the records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select, update

from flows.adapters.records.engine import Collision, reading, writing
from flows.adapters.records.schema import taken_hosts
from flows.adapters.site import Clock
from flows.domain.errors import EffectFailed


@dataclass(frozen=True)
class Taken:
    """A host by its address, and the machine of an instance that it is or was."""

    address: str
    machine: str
    host: str
    to_be_cleaned: bool = False

    @property
    def owner(self) -> str:
        """The id of the instance."""
        return self.machine.rsplit("-", 2)[0]


class TakenHosts:
    """The table of taken hosts; whatever stands in it is not free."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def all(self) -> tuple[Taken, ...]:
        """Every host that is taken or waits to be cleaned."""
        columns = taken_hosts.c
        query = select(
            columns.address, columns.machine, columns.host, columns.to_be_cleaned
        ).order_by(columns.taken, columns.machine)
        with reading(self._engine) as connection:
            return tuple(Taken(*row) for row in connection.execute(query))

    def take(self, hosts: Mapping[str, tuple[str, str]]) -> None:
        """Machine -> (address, host): all are taken, or none (EffectFailed)."""
        rows = [
            {
                "machine": machine,
                "address": address,
                "host": host,
                "taken": self._clock.now(),
                "to_be_cleaned": False,
            }
            for machine, (address, host) in hosts.items()
        ]
        if not rows:
            return
        try:
            with writing(self._engine) as connection:
                connection.execute(insert(taken_hosts), rows)
        except Collision:
            names = ", ".join(host for _, host in hosts.values())
            raise EffectFailed(
                f"own hosts: another operation took one of {names} just now; run it again"
            ) from None

    def leave(self, machine: str) -> None:
        """The host of the machine is not free before it has been cleaned."""
        with writing(self._engine) as connection:
            connection.execute(
                update(taken_hosts)
                .where(taken_hosts.c.machine == machine)
                .values(to_be_cleaned=True)
            )

    def free(self, machine: str) -> None:
        """The host of the machine can be taken again."""
        with writing(self._engine) as connection:
            connection.execute(delete(taken_hosts).where(taken_hosts.c.machine == machine))
