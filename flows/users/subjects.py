"""Which instance a request for a user is about, and what can be refused without looking at it."""

from __future__ import annotations

from flows.domain.errors import refusal
from flows.domain.names import check_password
from flows.domain.users import DeleteUser, ResetPassword
from flows.procedures.operation import Subject
from flows.procedures.subjects import living
from flows.steps.site import Doors


def with_password_for(doors: Doors, request: ResetPassword) -> Subject:
    """The living instance; a password that holds the first user's name is refused for that user."""
    subject = living(doors, request)
    first = subject.row.wish.first_user
    if first and not request.user and request.password:
        check_password("password", doors.secrets.resolve(request.password), first)
    return subject


def that_had_user(doors: Doors, request: DeleteUser) -> Subject:
    """The living instance, if the user is or ever was one of its users."""
    subject = living(doors, request)
    wish = subject.row.wish
    known = {user for each in doors.records.wishes(subject.row.id) for user in each.wish.user_names}
    if wish.sasl_ssl and request.user not in known:
        names = ", ".join(wish.user_names[1:]) or "nobody, the first user stays"
        rule = f"{wish.name} never had such a user; accepted is {names}"
        raise refusal("user", request.user, rule)
    return subject
