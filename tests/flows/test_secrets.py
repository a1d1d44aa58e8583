"""Secrets in an operation: where they come from, where they stay, and where they never are."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

import pytest

from flows.domain.errors import EffectFailed, Refused
from flows.domain.instance import Status
from flows.domain.names import check_password
from flows.domain.scram import plain_line, scram_value
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from tests.flows.worlds import (
    BLOCK,
    DEMO,
    GOODBYE,
    Clinging,
    Interlude,
    created,
    refused,
    replace_provider,
    the_row,
)
from tests.world.clock import FakeClock
from tests.world.effects import Killed, Trouble
from tests.world.world import World

GIVEN = "Br0ker-Rules"
WITH_BLOCK: Mapping[str, Any] = {**DEMO, "first_user_password": BLOCK}


def password_of(world: World) -> str:
    """The first user's password in the store."""
    return world.secrets.kept["t0000001", "first-user-password"]


def user_of(world: World) -> dict[str, str]:
    """What ZooKeeper holds of the first user."""
    node = world.zookeeper.nodes["t0000001"]["/config/users/alice"]
    value = json.loads(node.data)["config"]["SCRAM-SHA-512"]
    return dict(part.split("=", 1) for part in value.split(","))


def assert_is_the_password(world: World, password: str) -> None:
    """Brokers accept this password, by both mechanisms."""
    assert password_of(world) == password
    salt = b64decode(user_of(world)["salt"])
    assert scram_value(password, salt).startswith(f"salt={user_of(world)['salt']},")
    assert f"stored_key={user_of(world)['stored_key']}" in scram_value(password, salt)
    line = world.secrets.kept["t0000001", "plain-first-user"]
    assert line == plain_line("alice", password, b64decode(line.split(":")[2]))


def test_a_password_is_made_when_none_was_given() -> None:
    world = created(DEMO)
    check_password("first_user_password", password_of(world), "alice")
    assert_is_the_password(world, password_of(world))


def test_a_given_password_is_the_users_and_its_block_goes() -> None:
    world = World()
    world.secrets.blocks = {BLOCK: GIVEN}
    world.ask(create_instance, WITH_BLOCK)
    assert_is_the_password(world, GIVEN)
    assert world.secrets.blocks == {}


def test_a_block_of_other_people_stays() -> None:
    world = World()
    world.secrets.blocks = {"team-password": GIVEN}
    world.ask(create_instance, {**DEMO, "first_user_password": "team-password"})
    assert_is_the_password(world, GIVEN)
    assert world.secrets.blocks == {"team-password": GIVEN}


def test_a_managers_password_is_kept_as_well() -> None:
    world = World()
    world.secrets.blocks = {BLOCK: GIVEN}
    world.ask(create_instance, {"name": "demo", "manager_user": "boss", "manager_password": BLOCK})
    assert world.secrets.kept["t0000001", "manager-password"] == GIVEN


class Unlucky(FakeClock):
    """The first password happens to hold the user's name."""

    tries = 0

    def password(self, characters: int) -> str:
        """Alice's first, another one then."""
        self.tries += 1
        return "Xx-Alice-2026" if self.tries == 1 else super().password(characters)


def test_a_made_password_that_holds_the_users_name_is_made_again() -> None:
    world = World()
    world.clock = Unlucky()
    world.ask(create_instance, DEMO)
    assert "alice" not in password_of(world).lower()
    assert_is_the_password(world, password_of(world))


def test_making_passwords_ends_when_chance_has_no_better_one() -> None:
    """The clock of this world puts `Pw-0` into every password."""
    world = World()
    with pytest.raises(EffectFailed) as caught:
        world.ask(create_instance, {**DEMO, "first_user": "Pw-0"})
    assert str(caught.value) == ("password: 20 generated passwords all held the name Pw-0")
    assert world.records.living() == ()


def test_without_users_there_are_no_passwords() -> None:
    world = created()
    assert [name for _, name in world.secrets.kept if "user" in name or "probe" in name] == []
    assert not [path for path in world.zookeeper.nodes["t0000001"] if "users/" in path]


def killed(world: World, wish: Mapping[str, Any]) -> None:
    """A creation that dies after its machines were made."""
    world.effects.trouble_at, world.effects.trouble = 12, Trouble.KILLED_AFTER
    with pytest.raises(Killed):
        world.ask(create_instance, wish)
    world.effects.heal()


def test_the_password_of_a_killed_creation_stays_the_users() -> None:
    world = World()
    world.secrets.blocks = {BLOCK: GIVEN}
    killed(world, WITH_BLOCK)
    assert world.secrets.blocks == {BLOCK: GIVEN}, "a retry of the run needs it"
    world.ask(create_instance, WITH_BLOCK)
    assert_is_the_password(world, GIVEN)
    assert world.secrets.blocks == {}


def test_blocks_of_killed_creations_go_with_their_instance() -> None:
    world = World()
    world.secrets.blocks = {BLOCK: GIVEN, "fleet-run-8": GIVEN, "team-password": GIVEN}
    killed(world, WITH_BLOCK)
    killed_again = {**DEMO, "first_user_password": "fleet-run-8"}
    world.effects.trouble_at, world.effects.trouble = 20, Trouble.KILLED_BEFORE
    with pytest.raises(Killed):
        world.ask(create_instance, killed_again)
    world.effects.heal()
    world.ask(delete_instance, GOODBYE)
    assert world.secrets.blocks == {"team-password": GIVEN}
    assert world.secrets.kept == {}


def test_a_failed_creation_keeps_no_block() -> None:
    world = World()
    world.secrets.blocks = {BLOCK: GIVEN}
    world.effects.trouble_at = 20
    with pytest.raises(EffectFailed):
        world.ask(create_instance, WITH_BLOCK)
    world.effects.heal()
    assert world.secrets.blocks == {}
    assert world.secrets.kept == {}


def test_a_failed_creation_that_is_still_there_keeps_its_block_until_it_is_gone() -> None:
    world = World()
    world.secrets.blocks = {BLOCK: GIVEN}
    provider = replace_provider(world, Clinging)
    world.effects.trouble_at = 20
    with pytest.raises(EffectFailed):
        world.ask(create_instance, WITH_BLOCK)
    world.effects.heal()
    assert the_row(world).status is Status.DELETING
    assert world.secrets.blocks == {BLOCK: GIVEN}
    provider.clings = False
    world.ask(delete_instance, GOODBYE)
    assert world.secrets.blocks == {}


PRIVATE_KEY = "PRIVATE KEY"
HIDDEN = ("value", "key", "password", "content")


def everything_shown(world: World) -> str:
    """All that people, records and Ansible's variables see of a world."""
    history = world.records.history(None)
    rows = list(world.records.rows.values())
    stage = [world.stage.pages, world.stage.lines, world.stage.titles]
    return f"{history} {rows} {world.records.audit} {stage} {world.ansible.shown}"


def secrets_of(world: World) -> set[str]:
    """Everything in the store that nobody may see: all stores have one password, so they too."""
    found = set()
    for (_, name), value in world.secrets.kept.items():
        parts = json.loads(value) if value.startswith("{") else {"value": value}
        found |= {text for field, text in parts.items() if field in HIDDEN}
        assert found, name
    return found | set(world.secrets.blocks.values())


def assert_shows_no_secret(world: World, secrets: set[str]) -> None:
    """Neither a secret as a whole nor any private key."""
    shown = everything_shown(world)
    assert len(secrets) > 20
    assert not [secret for secret in secrets if secret in shown]
    assert PRIVATE_KEY not in shown


def test_what_a_successful_operation_shows_holds_no_secret() -> None:
    world = World()
    world.secrets.blocks = {BLOCK: GIVEN}
    world.ask(create_instance, WITH_BLOCK)
    secrets = secrets_of(world) | {GIVEN}
    assert_shows_no_secret(world, secrets)
    world.sweep()
    world.ask(create_instance, {**WITH_BLOCK, "first_user_password": None})
    assert_shows_no_secret(world, secrets)
    world.ask(delete_instance, GOODBYE)
    assert_shows_no_secret(world, secrets)


@pytest.mark.parametrize("at", range(25, 65, 5))
def test_what_a_failed_operation_shows_holds_no_secret(at: int) -> None:
    world = World()
    replace_provider(world, Clinging)
    world.secrets.blocks = {BLOCK: GIVEN}
    world.effects.trouble_at = at
    with pytest.raises(EffectFailed):
        world.ask(create_instance, WITH_BLOCK)
    world.effects.heal()
    assert the_row(world).status is Status.DELETING
    shown = everything_shown(world)
    assert not [secret for secret in secrets_of(world) if secret in shown]


def test_what_a_refused_operation_shows_holds_no_secret() -> None:
    world = created(DEMO)
    world.secrets.blocks = {BLOCK: GIVEN}
    refused(world, create_instance, {**WITH_BLOCK, "brokers": 5})
    assert_shows_no_secret(world, secrets_of(world) | {GIVEN})


def test_secrets_reach_hosts_beside_the_variables_that_may_be_shown() -> None:
    """FIFO or variables: what is secret for the domain travels the first way."""
    world = created(DEMO)
    shown = " ".join(world.ansible.shown)
    names = set(re.findall(r"/etc/kafka-fleet/private/([\w.-]+)", shown))
    assert "server.properties" in names, "units name it"
    assert "password.encoder.secret" not in shown
    assert ".p12" not in shown


def test_the_block_of_a_request_that_is_refused_late_goes_as_well() -> None:
    """The creation that it would have finished was deleted when it got its turn."""
    world = World()
    killed(world, DEMO)
    world.secrets.blocks = {BLOCK: GIVEN}
    look = "look at the instance and its provider"
    stage = Interlude(look, lambda: world.ask(delete_instance, GOODBYE, who="grace"))
    with pytest.raises(Refused, match="the instance of that name is Deleted"):
        world.ask(create_instance, WITH_BLOCK, stage=stage)
    assert world.secrets.blocks == {}
