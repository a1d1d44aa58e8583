"""A user's name and password, for whoever may see them; the audit knows who did."""

from __future__ import annotations

from flows.adapters.secrets.kept import user_secret
from flows.adapters.site import Doors
from flows.domain.errors import EffectFailed, Refused, refusal
from flows.domain.operations import Door, Trace
from flows.domain.wish import User, Wish
from flows.queries.lookup import living


def credentials(
    doors: Doors, name: str, asked_by: str, door: Door, user: str = ""
) -> dict[str, str]:
    """`user` and `password`, by default of the first user; a trace says who was told."""
    row = living(doors.records, name)
    found = _user(row.wish, user)
    password = doors.secrets.get(row.id, user_secret("password", row.wish, found))
    if password is None:
        raise EffectFailed(
            f"instance {row.wish.name}: {found.name} has no password yet; the instance is "
            f"{row.status}"
        )
    doors.records.trace(
        Trace(
            name="showDMSInstanceCredentialsSuccess",
            who=asked_by,
            door=door,
            resource=row.wish.name,
            parameters={"user": found.name},
            result="the password was shown",
        )
    )
    return {"user": found.name, "password": password}


def _user(wish: Wish, name: str) -> User:
    if not wish.users:
        raise Refused(f"instance {wish.name}: it has no users, because SASL_SSL is off")
    found = wish.user(name or str(wish.first_user))
    if found is None:
        known = ", ".join(wish.user_names)
        raise refusal("user", name, f"{wish.name} has no such user; accepted are {known}")
    return found
