"""Users as part of the wish: also of wishes that were written down before there were any."""

from __future__ import annotations

import json

from flows.domain.creation import differing_fields
from flows.domain.wish import User, Wish
from tests.domain.samples import wish


def test_a_wish_from_before_has_its_first_user() -> None:
    written = json.loads(wish(sasl_ssl=True, first_user="alice").model_dump_json())
    del written["users"], written["last_sessions"]
    read = Wish.model_validate(written)
    assert read.users == (User(name="alice"),)
    assert read == wish(sasl_ssl=True, first_user="alice")


def test_without_a_first_user_there_is_none() -> None:
    assert wish().users == ()
    assert wish().user("alice") is None


def test_users_outlive_being_written_down() -> None:
    users = (User(name="alice", password=3, sessions=2), User(name="robert", sessions=1))
    whole = wish(sasl_ssl=True, first_user="alice", users=users, last_sessions=2)
    assert Wish.model_validate_json(whole.model_dump_json()) == whole
    assert whole.user_names == ("alice", "robert")


def test_users_that_came_later_do_not_make_another_creation() -> None:
    asked = wish(sasl_ssl=True, first_user="alice")
    users = (*asked.users, User(name="robert"))
    assert differing_fields(asked, asked.model_copy(update={"users": users})) == ()
