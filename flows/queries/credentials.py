"""The first user's name and password, for whoever may see them; the audit knows who did."""

from __future__ import annotations

from flows.adapters.secrets.kept import FIRST_USER_PASSWORD
from flows.adapters.site import Doors
from flows.domain.errors import EffectFailed, Refused
from flows.domain.operations import Door, Trace
from flows.queries.lookup import living


def credentials(doors: Doors, name: str, asked_by: str, door: Door) -> dict[str, str]:
    """`user` and `password`; a trace says who was told."""
    row = living(doors.records, name)
    user = row.wish.first_user
    if user is None:
        raise Refused(f"instance {row.wish.name}: it has no users, because SASL_SSL is off")
    password = doors.secrets.get(row.id, FIRST_USER_PASSWORD)
    if password is None:
        raise EffectFailed(f"instance {row.wish.name}: its first user has no password yet")
    doors.records.trace(
        Trace(
            name="showDMSInstanceCredentialsSuccess",
            who=asked_by,
            door=door,
            resource=row.wish.name,
            parameters={"user": user},
            result="the password was shown",
        )
    )
    return {"user": user, "password": password}
