"""`fleet users`: who can log in to an instance; from the records, whatever is down."""

from __future__ import annotations

from datetime import datetime
from typing import TypedDict

from flows.adapters.site import Records, Revision
from flows.domain.errors import Refused
from flows.domain.wish import User
from flows.queries.lookup import living


class UserLine(TypedDict):
    """One user; `password_set` is when the present password was asked for."""

    user: str
    first: bool
    mechanisms: list[str]
    created: str
    password_set: str


def users(records: Records, name: str) -> tuple[UserLine, ...]:
    """The users of a living instance, the first one first; Refused without SASL_SSL."""
    row = living(records, name)
    if not row.wish.sasl_ssl:
        raise Refused(f'instance "{row.wish.name}": it has no users, because SASL_SSL is off')
    revisions = records.wishes(row.id)
    return tuple(
        UserLine(
            user=user.name,
            first=user.name == row.wish.first_user,
            mechanisms=list(row.wish.mechanisms),
            created=_since(revisions, user, same_password=False).isoformat(),
            password_set=_since(revisions, user, same_password=True).isoformat(),
        )
        for user in row.wish.users
    )


def _since(revisions: tuple[Revision, ...], user: User, *, same_password: bool) -> datetime:
    """The oldest of the newest revisions that all have this user, or this password of his."""
    since = revisions[-1].made
    for revision in reversed(revisions):
        found = revision.wish.user(user.name)
        if found is None or (same_password and found.password != user.password):
            break
        since = revision.made
    return since
