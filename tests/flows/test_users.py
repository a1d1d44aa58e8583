"""Users: created, given another password, deleted; cut off at every effect; refused by text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from flows.domain import paths
from flows.domain.cluster import Login, Permission
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.instance import Status, UnitState
from flows.domain.operations import Door
from flows.procedures.operation import Operation
from flows.queries.credentials import credentials
from flows.steps.observation import remembered
from flows.users.create_user import create_user
from flows.users.delete_user import delete_user
from flows.users.reset_password import reset_password
from tests.flows.worlds import BLOCK, DEMO, created, refused, the_row
from tests.world.effects import Killed, Trouble
from tests.world.world import World

WITHOUT_PLAIN: Mapping[str, Any] = {**DEMO, "sasl_plain": False}
CREATE: Mapping[str, Any] = {"instance": "demo", "user": "robert"}
DELETE = CREATE
RESET: Mapping[str, Any] = {"instance": "demo", "user": "robert", "drop_connections": True}
GIVEN, OTHER = "Given-Words-1", "Other-Words-2"


def with_robert(wish: Mapping[str, Any] = DEMO) -> World:
    """A world with a second user; its log of effects is empty."""
    world = created(wish)
    world.ask(create_user, CREATE)
    world.effects.log.clear()
    return world


def password_of(world: World, user: str) -> str:
    """What `fleet credentials` tells."""
    return credentials(world.doors(), "demo", "ada", Door.CLI, user)["password"]


def answers(world: World, user: str, password: str) -> set[bool]:
    """What all brokers say to the login, by every mechanism."""
    instance = remembered(world.doors(), the_row(world))
    return {
        world.kafka.accepts(instance, broker, Login(user, password, mechanism))
        for broker in instance.brokers
        for mechanism in instance.wish.mechanisms
    }


def sessions(world: World) -> set[str]:
    """What brokers read of sessions; one text when all hosts hold the same."""
    return {host.contents[paths.SESSIONS] for host in world.provider.hosts.values()}


def kept_of(world: World, user: str) -> list[str]:
    """The names of all secrets of a user."""
    return [name for _, name in world.secrets.kept if user in name]


@pytest.mark.parametrize("wish", [DEMO, WITHOUT_PLAIN])
def test_a_new_user_is_let_in_by_every_broker(wish: Mapping[str, Any]) -> None:
    world = created(wish)
    assert world.ask(create_user, CREATE).changed
    assert answers(world, "robert", password_of(world, "robert")) == {True}
    assert answers(world, "robert", password_of(world, "alice")) == {False}
    assert answers(world, "alice", password_of(world, "alice")) == {True}
    assert the_row(world).wish.user_names == ("alice", "robert")
    assert sessions(world) == {"alice:0\nrobert:1\n"}
    assert all(host.kafka_starts == 1 for host in world.provider.hosts.values())


def test_a_user_that_exists_is_nothing_to_do() -> None:
    world = with_robert()
    before = password_of(world, "robert")
    assert not world.ask(create_user, CREATE).changed
    assert password_of(world, "robert") == before


def test_a_given_password_is_the_users_and_lies_nowhere_else() -> None:
    world = created(DEMO)
    world.secrets.blocks = {BLOCK: GIVEN}
    world.ask(create_user, {**CREATE, "password": BLOCK})
    assert password_of(world, "robert") == GIVEN
    assert [name for (_, name), value in world.secrets.kept.items() if value == GIVEN] == [
        "password.robert.1"
    ]
    assert world.secrets.blocks == {}


@pytest.mark.parametrize("wish", [DEMO, WITHOUT_PLAIN])
@pytest.mark.parametrize("user", ["alice", "robert"])
def test_a_reset_lets_the_new_password_in_and_the_old_one_not(
    wish: Mapping[str, Any], user: str
) -> None:
    world = with_robert(wish)
    old = password_of(world, user)
    world.ask(reset_password, {"instance": "demo", "user": user})
    assert password_of(world, user) != old
    assert answers(world, user, password_of(world, user)) == {True}
    assert answers(world, user, old) == {False}
    assert old not in world.secrets.kept.values()
    assert sessions(world) == {"alice:0\nrobert:1\n"}, "connections go on"


def test_a_reset_without_a_name_is_the_first_users() -> None:
    world = with_robert()
    robert, alice = password_of(world, "robert"), password_of(world, "alice")
    world.ask(reset_password, {"instance": "demo"})
    assert password_of(world, "robert") == robert
    assert password_of(world, "alice") != alice


def test_a_reset_to_the_same_password_is_no_dead_end() -> None:
    world = with_robert()
    world.secrets.blocks = {"team": password_of(world, "robert")}
    world.ask(reset_password, {**RESET, "password": "team"})
    assert answers(world, "robert", password_of(world, "robert")) == {True}


def test_each_reset_is_one_of_its_own() -> None:
    world = with_robert()
    seen = {password_of(world, "robert")}
    for _ in range(3):
        world.ask(reset_password, RESET)
        seen.add(password_of(world, "robert"))
    assert len(seen) == 4
    assert sessions(world) == {"alice:0\nrobert:4\n"}


def test_connections_end_only_once_no_broker_takes_the_old_password() -> None:
    world = with_robert()
    world.ask(reset_password, RESET)
    old_is_refused = world.effects.log.index("FakeZooKeeper.announce")
    plays = [at for at, name in enumerate(world.effects.log) if name.endswith("_deliver_users")]
    assert len(plays) == 6, "the passwords on three hosts, then the sessions"
    assert old_is_refused < plays[3]


def test_a_deleted_user_is_nowhere() -> None:
    world = with_robert()
    old = password_of(world, "robert")
    world.zookeeper.merge_config(
        remembered(world.doors(), the_row(world)), "/config/users/robert", {"producer_rate": "1"}
    )
    world.ask(delete_user, DELETE)
    assert answers(world, "robert", old) == {False}
    assert "/config/users/robert" not in world.zookeeper.nodes["t0000001"]
    assert kept_of(world, "robert") == []
    assert sessions(world) == {"alice:0\n"}
    assert the_row(world).wish.user_names == ("alice",)
    assert not world.ask(delete_user, DELETE).changed


def test_sessions_of_a_name_that_comes_back_are_new_ones() -> None:
    world = with_robert()
    world.ask(delete_user, DELETE)
    world.ask(create_user, CREATE)
    assert sessions(world) == {"alice:0\nrobert:2\n"}


def test_a_topic_that_only_a_deleted_user_could_use_stays_closed() -> None:
    world = with_robert()
    robert, alice = Permission("User:robert", "Read"), Permission("User:alice", "Write")
    granted = world.kafka.clusters["t0000001"].granted
    granted |= {"his": [robert], "theirs": [robert, alice], "hers": [alice]}
    world.ask(delete_user, DELETE)
    product = Permission(f"User:CN=control,O={the_row(world).organization}", "All")
    assert {topic: list(granted[topic]) for topic in ("his", "theirs", "hers")} == {
        "his": [product],
        "theirs": [alice],
        "hers": [alice],
    }


def test_a_broker_that_goes_on_with_the_old_password_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = with_robert()
    old, really = password_of(world, "robert"), world.kafka.accepts

    def deaf(instance: Any, broker: Any, login: Login) -> bool:
        stale = broker.id == 2 and login.mechanism == "PLAIN" and login.password == old
        return stale or really(instance, broker, login)

    monkeypatch.setattr(world.kafka, "accepts", deaf)
    with pytest.raises(GateTimeout, match="broker 2 still lets robert in by PLAIN"):
        world.ask(reset_password, RESET)
    assert the_row(world).status is Status.CHANGE_FAILED
    new = password_of(world, "robert")

    monkeypatch.undo()
    world.ask(reset_password, RESET)
    assert the_row(world).status is Status.RUNNING
    assert password_of(world, "robert") == new, "the same request goes on with its password"


# Cut off at every effect


@dataclass(frozen=True)
class Case:
    """An operation, its wish, the world before it, and what must be true when it is finished."""

    operation: Operation[Any, Any]
    wish: Mapping[str, Any]
    before: Callable[[], World]
    finished: Callable[[World], None]


def robert_comes_in(world: World) -> None:
    assert answers(world, "robert", password_of(world, "robert")) == {True}
    assert len([name for name in kept_of(world, "robert") if "password" in name]) == 1


def robert_is_gone(world: World) -> None:
    assert kept_of(world, "robert") == []
    assert the_row(world).wish.user_names == ("alice",)


CASES = {
    "create": Case(create_user, CREATE, lambda: created(DEMO), robert_comes_in),
    "create given": Case(
        create_user, {**CREATE, "password": "team"}, lambda: created(DEMO), robert_comes_in
    ),
    "reset": Case(reset_password, RESET, with_robert, robert_comes_in),
    "reset given": Case(
        reset_password, {**RESET, "password": "team"}, with_robert, robert_comes_in
    ),
    "delete": Case(delete_user, DELETE, with_robert, robert_is_gone),
}


def ready(case: Case) -> World:
    """The world before, with a block for whoever gives a password."""
    world = case.before()
    world.secrets.blocks = {"team": GIVEN, "other": OTHER}
    return world


def effects_of(case: Case) -> int:
    world = ready(case)
    world.ask(case.operation, case.wish)
    return len(world.effects.log)


POINTS = [(name, at) for name, case in CASES.items() for at in range(effects_of(case))]


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize(("name", "at"), POINTS)
def test_what_was_cut_off_is_finished_by_the_same_wish(
    name: str, at: int, trouble: Trouble
) -> None:
    case = CASES[name]
    world = ready(case)
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with pytest.raises((EffectFailed, Killed)):
        world.ask(case.operation, case.wish)
    world.effects.heal()
    made = dict(world.secrets.kept)
    again = {**case.wish, "password": "other"} if "password" in case.wish else case.wish
    half_done = the_row(world).status in (Status.CHANGING, Status.CHANGE_FAILED)
    world.ask(case.operation, again if half_done else case.wish, who="grace")
    assert the_row(world).status is Status.RUNNING
    case.finished(world)
    if half_done:
        same = {key: value for key, value in made.items() if key in world.secrets.kept}
        assert same.items() <= world.secrets.kept.items(), "nothing was made twice"
    assert all(host.kafka_starts == 1 for host in world.provider.hosts.values())
    assert len(sessions(world)) == 1
    assert not [name for _, name in world.secrets.kept if name == "password"]


@pytest.mark.parametrize("at", range(5, 16))
def test_one_password_is_made_however_often_a_reset_is_cut_off(at: int) -> None:
    world = ready(CASES["reset"])
    tries = 0
    while tries == 0 or the_row(world).status is not Status.RUNNING:
        tries += 1
        world.effects.log.clear()
        world.effects.trouble_at = at if tries < 4 else None
        world.effects.trouble = Trouble.KILLED_AFTER
        with suppress(Killed):
            world.ask(reset_password, RESET)
        world.effects.heal()
    assert tries > 1
    assert [user.password for user in the_row(world).wish.users] == [1, 2]
    robert_comes_in(world)


# Refused


def broken(world: World) -> World:
    """Broker 2 is down, and nobody has noticed."""
    for host in world.provider.hosts.values():
        if host.machine.broker == 2:
            host.kafka = UnitState.INACTIVE
    return world


def crowded() -> World:
    """As many users as there may be."""
    world = created(DEMO)
    for number in range(2, 21):
        world.ask(create_user, {**CREATE, "user": f"user-{number}"})
    return world


REFUSALS: dict[str, tuple[Callable[[], World], Operation[Any, Any], Mapping[str, Any], str]] = {
    "no users": (
        created, create_user, CREATE,
        'instance "demo": it has no users, because SASL_SSL is off; that is fixed',
    ),
    "no users to reset": (
        created, reset_password, {"instance": "demo"},
        'instance "demo": it has no users, because SASL_SSL is off; that is fixed',
    ),
    "no users to delete": (
        created, delete_user, DELETE,
        'instance "demo": it has no users, because SASL_SSL is off; that is fixed',
    ),
    "twenty-first": (
        crowded, create_user, CREATE,
        'instance "demo": it has 20 users, 20 are accepted; delete one first',
    ),
    "reserved": (
        with_robert, create_user, {**CREATE, "user": "Control"},
        'user "Control": the name is reserved; choose one other than ANONYMOUS, broker, control, '
        "kafka, super, zkpeer",
    ),
    "probe": (
        with_robert, delete_user, {**DELETE, "user": "__fleet_probe"},
        'user "__fleet_probe": letters, digits, - and _ are accepted, the first one a letter',
    ),
    "nobody to reset": (
        with_robert, reset_password, {**RESET, "user": "nobody"},
        'user "nobody": demo has no such user; accepted are alice, robert',
    ),
    "nobody to delete": (
        with_robert, delete_user, {**DELETE, "user": "nobody"},
        'user "nobody": demo never had such a user; accepted is robert',
    ),
    "first user": (
        with_robert, delete_user, {**DELETE, "user": "alice"},
        'user "alice": it is the first user, made with the instance, and stays as long as it; '
        "accepted is robert",
    ),
    "broker down": (
        lambda: broken(with_robert()), reset_password, RESET,
        'instance "demo": broker 2 is down; users are changed on every broker at once or not at '
        "all, so all of them must run",
    ),
    "broker down for a new one": (
        lambda: broken(created(DEMO)), create_user, CREATE,
        'instance "demo": broker 2 is down; users are changed on every broker at once or not at '
        "all, so all of them must run",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_is_refused_by_text_and_changes_nothing(name: str) -> None:
    before, operation, wish, sentence = REFUSALS[name]
    world = before()
    world.effects.log.clear()
    assert refused(world, operation, wish) == sentence
    assert world.effects.log == ["FakeRecords.trace", "FakeRecords.note"]


@pytest.mark.parametrize("operation", [create_user, reset_password])
@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("short-1", "8 to 32 characters are accepted"),
        ("robert-Words-1", "it may not be or contain the user's name, forwards or backwards"),
    ],
)
def test_weak_passwords_are_refused(
    operation: Operation[Any, Any], password: str, rule: str
) -> None:
    world = with_robert()
    world.secrets.blocks = {"team": password}
    said = refused(world, operation, {**CREATE, "password": "team"})
    assert said == f'password "(not shown)": {rule}'


def test_a_password_with_the_first_users_name_is_refused_when_nobody_is_named() -> None:
    world = created(DEMO)
    world.secrets.blocks = {"team": "Alice-Words-1"}
    said = refused(world, reset_password, {"instance": "demo", "password": "team"})
    assert "it may not be or contain the user's name" in said


def test_a_faulty_instance_is_refused() -> None:
    world = with_robert()
    world.records.set_status("t0000001", Status.FAULTY, "broker 2 is silent")
    for operation, wish in ((create_user, CREATE), (reset_password, RESET), (delete_user, DELETE)):
        said = refused(world, operation, wish)
        assert said == 'instance "demo (Faulty)": accepted is Running'
