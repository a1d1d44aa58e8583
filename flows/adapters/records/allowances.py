"""The quotas, looked at where nobody can write in between."""

from __future__ import annotations

from sqlalchemy import Connection, and_, select, text

from flows.adapters.records.schema import instances, revisions
from flows.domain.instance import Status
from flows.domain.quotas import NOTHING, Allowance, Amount, amount_of, check_quotas
from flows.domain.wish import Wish

_WISHES = (
    select(instances.c.id, revisions.c.wish)
    .join(
        revisions,
        and_(
            revisions.c.instance_id == instances.c.id,
            revisions.c.revision == instances.c.revision,
        ),
    )
    .where(instances.c.status != Status.DELETED.value)
)


def allowance(connection: Connection, quotas: Amount, instance_id: str) -> Allowance:
    """What of the quotas is used, and how much of that is this instance."""
    amounts = {
        row.id: amount_of(Wish.model_validate(row.wish)) for row in connection.execute(_WISHES)
    }
    used = sum(amounts.values(), NOTHING)
    return Allowance(quotas, used, amounts.get(instance_id, NOTHING))


def check(connection: Connection, quotas: Amount, instance_id: str, wish: Wish) -> None:
    """Refuses what goes beyond the quotas; until the transaction ends nobody else may grow."""
    if connection.dialect.name == "postgresql":
        # On SQLite no other writer is in between anyway.
        connection.execute(text("LOCK TABLE instances IN SHARE ROW EXCLUSIVE MODE"))
    check_quotas(allowance(connection, quotas, instance_id), wish)
