"""Client certificates: issued, revoked, cut off at every effect, refused by text."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from certs.facts import describe
from flows.adapters.secrets.client_certificates import (
    IssuedCertificate,
    issued_certificates,
    waiting_leaf,
)
from flows.certificates.issue_client_certificate import issue_client_certificate
from flows.certificates.revoke_client_certificate import revoke_client_certificate
from flows.domain import paths
from flows.domain.certificates import Certificates
from flows.domain.client_certificates import (
    MOST_CERTIFICATES,
    IssueClientCertificate,
    plan_issue,
)
from flows.domain.errors import EffectFailed, Refused
from flows.domain.instance import Status
from flows.domain.wish import ClientCertificate
from flows.instances.replace_broker import replace_broker
from flows.procedures.operation import Operation
from flows.users.create_user import create_user
from flows.users.delete_user import delete_user
from tests.domain.samples import instance, wish
from tests.flows.worlds import DEMO, created, refused, scene, the_row
from tests.world.clock import START
from tests.world.effects import Killed, Trouble
from tests.world.world import World

ISSUE: Mapping[str, Any] = {"instance": "demo", "user": "robert"}
ANOTHER: Mapping[str, Any] = {**ISSUE, "another": True, "days": 30}
REVOKE: Mapping[str, Any] = {"instance": "demo", "user": "robert"}


def secured() -> World:
    """A world with a secured instance that has issued nothing."""
    return created(DEMO)


@scene
def with_robert() -> World:
    """A certificate of robert waits to be handed out; the log of effects is empty."""
    world = secured()
    world.ask(issue_client_certificate, ISSUE)
    world.effects.log.clear()
    return world


def issued(world: World) -> tuple[IssuedCertificate, ...]:
    """What the secrets know of all certificates."""
    row = the_row(world)
    return issued_certificates(world.secrets, row.id, row.wish)


def refused_serials(world: World) -> set[str]:
    """What brokers read; one text when all hosts hold the same."""
    return {host.contents[paths.REVOKED_SERIALS] for host in world.provider.hosts.values()}


def test_a_certificate_names_its_user_and_waits_with_its_key() -> None:
    world = secured()
    assert world.ask(issue_client_certificate, {**ISSUE, "days": 90}).changed
    (found,) = issued(world)
    assert (found.user, found.number, found.revoked, found.handed_out) == (
        "robert", 1, False, False,
    )  # fmt: skip
    assert found.expires - START > timedelta(days=90)
    row = the_row(world)
    leaf = waiting_leaf(world.secrets, row.id, row.wish.client_certificates[0])
    assert leaf is not None
    facts = describe(leaf.certificate_pem)
    assert facts.subject == f"CN=robert,O={row.organization}"
    assert facts.issuer == f"CN={row.organization} clients CA g1,O={row.organization}"
    assert f"serial {found.serial}" in world.stage.pages["report"]


def test_no_broker_is_touched_for_a_new_certificate() -> None:
    world = secured()
    world.ask(issue_client_certificate, ISSUE)
    assert not [name for name in world.effects.log if name.startswith(("FakeAnsible", "FakeHosts"))]
    assert refused_serials(world) == {""}


def test_who_has_a_certificate_gets_another_one_only_if_asked_for() -> None:
    world = with_robert()
    assert not world.ask(issue_client_certificate, ISSUE).changed
    assert world.ask(issue_client_certificate, ANOTHER).changed
    assert [(each.number, each.user) for each in issued(world)] == [(1, "robert"), (2, "robert")]
    assert len({each.serial for each in issued(world)}) == 2


def test_every_broker_refuses_a_revoked_serial_and_nobody_restarts() -> None:
    world = with_robert()
    world.ask(issue_client_certificate, ANOTHER)
    first, second = issued(world)
    assert world.ask(revoke_client_certificate, {**REVOKE, "number": 1}).changed
    assert refused_serials(world) == {f"{first.serial}\n"}
    assert world.ask(revoke_client_certificate, REVOKE).changed
    assert refused_serials(world) == {f"{first.serial}\n{second.serial}\n"}
    assert all(each.revoked and each.handed_out for each in issued(world))
    assert not world.ask(revoke_client_certificate, REVOKE).changed
    assert all(host.kafka_starts == 1 for host in world.provider.hosts.values())


def test_a_user_whose_certificates_were_revoked_can_have_a_new_one() -> None:
    world = with_robert()
    world.ask(revoke_client_certificate, REVOKE)
    assert world.ask(issue_client_certificate, ISSUE).changed
    assert [each.revoked for each in issued(world)] == [True, False]


def test_the_machine_of_a_broker_that_is_replaced_refuses_them_too() -> None:
    world = with_robert()
    world.ask(revoke_client_certificate, REVOKE)
    row = the_row(world)
    world.provider.hosts[f"{row.id}-2-1"].running = False
    world.ask(replace_broker, {"instance": "demo", "broker": 2})
    (serials,) = refused_serials(world)
    assert serials == f"{issued(world)[0].serial}\n"


# Cut off at every effect


@dataclass(frozen=True)
class Case:
    """An operation, its wish, the world before it, and what must be true when it is finished."""

    operation: Operation[Any, Any]
    wish: Mapping[str, Any]
    before: Callable[[], World]
    finished: Callable[[World], None]


def one_waits(world: World) -> None:
    (found,) = issued(world)
    assert not found.revoked
    assert not found.handed_out


def two_wait(world: World) -> None:
    assert [each.number for each in issued(world)] == [1, 2]
    assert not [each for each in issued(world) if each.handed_out]


def it_is_refused(world: World) -> None:
    (found,) = issued(world)
    assert found.revoked
    assert refused_serials(world) == {f"{found.serial}\n"}
    assert not [name for _, name in world.secrets.kept if name.startswith("client-leaf")]


def a_user_with_a_certificate() -> World:
    world = secured()
    world.ask(create_user, {"instance": "demo", "user": "robert"})
    world.ask(issue_client_certificate, ISSUE)
    world.effects.log.clear()
    return world


def robert_is_gone(world: World) -> None:
    assert "robert" not in the_row(world).wish.user_names
    it_is_refused(world)


CASES = {
    "delete the user": Case(delete_user, REVOKE, a_user_with_a_certificate, robert_is_gone),
    "issue": Case(issue_client_certificate, ISSUE, secured, one_waits),
    "another": Case(issue_client_certificate, ANOTHER, with_robert, two_wait),
    "revoke": Case(revoke_client_certificate, REVOKE, with_robert, it_is_refused),
}


def effects_of(case: Case) -> int:
    world = case.before()
    world.ask(case.operation, case.wish)
    return len(world.effects.log)


POINTS = [(name, at) for name, case in CASES.items() for at in range(effects_of(case))]


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize(("name", "at"), POINTS)
def test_what_was_cut_off_is_finished_by_the_same_wish(
    name: str, at: int, trouble: Trouble
) -> None:
    case = CASES[name]
    world = case.before()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with pytest.raises((EffectFailed, Killed)):
        world.ask(case.operation, case.wish)
    world.effects.heal()
    made = [each.serial for each in issued(world)]
    row = the_row(world)
    asked_for = len(row.wish.client_certificates) == 2
    if row.status is not Status.RUNNING or not (case.wish.get("another") and asked_for):
        world.ask(case.operation, case.wish, who="grace")
    assert the_row(world).status is Status.RUNNING
    case.finished(world)
    assert [each.serial for each in issued(world)][: len(made)] == made, "nothing was issued twice"
    if not case.wish.get("another"):
        assert not world.ask(case.operation, case.wish).changed


# Refused


@scene
def crowded() -> World:
    """As many certificates as there may be."""
    world = secured()
    row = the_row(world)
    many = tuple(
        ClientCertificate(user="robert", number=number + 1, days=1)
        for number in range(MOST_CERTIFICATES)
    )
    wish = row.wish.model_copy(update={"client_certificates": many})
    world.records.revise(row.id, wish, 0)
    return world


@scene
def silent() -> World:
    """The machine of broker 2 does not answer."""
    world = with_robert()
    world.provider.hosts[f"{the_row(world).id}-2-1"].running = False
    return world


REFUSALS: dict[str, tuple[Callable[[], World], Operation[Any, Any], Mapping[str, Any], str]] = {
    "open": (
        created, issue_client_certificate, ISSUE,
        'instance "demo": it has no certificates for clients, because SASL_SSL is off; that is '
        "fixed",
    ),
    "open to revoke": (
        created, revoke_client_certificate, REVOKE,
        'instance "demo": it has no certificates for clients, because SASL_SSL is off; that is '
        "fixed",
    ),
    "reserved": (
        secured, issue_client_certificate, {**ISSUE, "user": "Broker"},
        'user "Broker": the name is reserved; choose one other than ANONYMOUS, broker, control, '
        "kafka, super, zkpeer",
    ),
    "probe": (
        secured, issue_client_certificate, {**ISSUE, "user": "__fleet_probe"},
        'user "__fleet_probe": letters, digits, - and _ are accepted, the first one a letter',
    ),
    "short": (
        secured, issue_client_certificate, {**ISSUE, "user": "bob"},
        'user "bob": it has 3 characters, 4 to 64 are accepted',
    ),
    "for ever": (
        secured, issue_client_certificate, {**ISSUE, "days": 1826},
        "days 1826: 1 to 1825 days are accepted",
    ),
    "nothing": (
        secured, issue_client_certificate, {**ISSUE, "days": 0},
        "days 0: 1 to 1825 days are accepted",
    ),
    "crowded": (
        crowded, issue_client_certificate, {**ISSUE, "user": "carol"},
        'instance "demo": 500 client certificates are not revoked, 500 are accepted; revoke some '
        "that are not needed any more",
    ),
    "nobody": (
        with_robert, revoke_client_certificate, {**REVOKE, "user": "carol"},
        'user "carol": demo issued no certificate to this user; it issued some to robert',
    ),
    "nobody at all": (
        secured, revoke_client_certificate, REVOKE,
        'user "robert": demo issued no certificate to this user; it issued some to nobody yet',
    ),
    "number": (
        with_robert, revoke_client_certificate, {**REVOKE, "number": 7},
        "number 7: certificates of robert are 1",
    ),
    "machine away": (
        silent, revoke_client_certificate, REVOKE,
        'instance "demo": the machine of broker 2 does not answer; certificates are revoked on '
        "every broker or on none, so bring it back, or replace it",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSALS)
def test_what_cannot_be_is_refused_by_text_and_changes_nothing(name: str) -> None:
    before, operation, wish, sentence = REFUSALS[name]
    world = before()
    world.effects.log.clear()
    assert refused(world, operation, wish) == sentence
    assert world.effects.log == ["FakeRecords.trace", "FakeRecords.note"]


def test_a_certificate_that_would_outlive_its_authority_is_refused() -> None:
    world = secured()
    world.clock.pause(timedelta(days=3650 - 100).total_seconds())
    said = refused(world, issue_client_certificate, ISSUE)
    assert said == (
        "days 365: the authority that signs it holds for 100 more days, so at most that is accepted"
    )
    assert world.ask(issue_client_certificate, {**ISSUE, "days": 100}).changed


def test_a_users_own_authority_issues_for_clients_itself() -> None:
    uploaded = Certificates().succeeded(uploaded=True).settled()
    asked = wish(sasl_ssl=True, first_user="alice", client_facing=uploaded)
    with pytest.raises(Refused) as caught:
        plan_issue(instance(asked), IssueClientCertificate.read(ISSUE))
    assert str(caught.value) == (
        'instance "demo": the authority that clients trust is a user\'s own and its key is not '
        "here; whoever has it issues certificates for clients"
    )
