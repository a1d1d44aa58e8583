"""Certificates that end are told once for each urgency, by what is served; and renewed."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO

import pytest
from rich.console import Console

from flows.adapters.records.observed import Observed
from flows.certificates.issue_client_certificate import issue_client_certificate
from flows.certificates.renew_certificates import renew_certificates
from flows.certificates.replace_certificates import replace_certificates
from flows.certificates.rotate_internal_authority import rotate_internal_authority
from flows.domain.errors import EffectFailed, GateTimeout, Refused
from flows.domain.expiry import CRITICAL_DAYS, WARNING_DAYS, Urgency, urgency
from flows.domain.instance import UnitState
from flows.domain.operations import Rating
from flows.instances.create_instance import create_instance
from flows.instances.modify_instance import modify_instance
from flows.monitoring.check_certificates import check_certificates
from flows.queries.certificates import certificates
from flows.queries.render_certificates import certificates_page
from tests.flows.worlds import DEMO, PLAIN, created, the_row
from tests.world.world import World

DAY = 86_400
SEEN = ("INTERNAL", "CONTROL", "PRIVATE")


def told(world: World) -> list[tuple[str, Rating]]:
    """What the audit says of certificates."""
    return [
        (trace.result.partition(":")[0], trace.rating)
        for trace in world.records.traces("demo")
        if trace.name == "certificateExpiryChanged"
    ]


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        (WARNING_DAYS + 1, Urgency.OK),
        (WARNING_DAYS, Urgency.WARNING),
        (CRITICAL_DAYS + 1, Urgency.WARNING),
        (CRITICAL_DAYS, Urgency.CRITICAL),
        (-1, Urgency.CRITICAL),
    ],
)
def test_urgency_rises_as_the_end_comes_near(days: int, expected: Urgency) -> None:
    now = World().clock.now()
    assert urgency(now + timedelta(days=days), now) is expected


def test_young_certificates_are_all_seen_and_nothing_is_told() -> None:
    world = created(DEMO)
    assert check_certificates(world.doors()) == "1 instances looked at"
    seen = {each.name for each in Observed.read(the_row(world).observed).seen}
    brokers = {f"broker {number} {name}" for number in (1, 2, 3) for name in SEEN}
    assert seen == {"internal authority 1", "clients authority 1", "the product", *brokers}
    assert told(world) == []


def test_what_ends_is_told_once_for_each_urgency_and_forgotten_once_renewed() -> None:
    world = created(DEMO)
    world.clock.pause((365 - 20) * DAY)
    sentence = check_certificates(world.doors())
    assert "demo: broker 1 PRIVATE expires in 20 days (" in sentence
    assert "warning)" in sentence
    check_certificates(world.doors())
    assert told(world) == [("ok -> warning", Rating.WARNING)]
    world.clock.pause(15 * DAY)
    check_certificates(world.doors())
    assert told(world)[1:] == [("warning -> critical", Rating.INCIDENT)]
    world.ask(replace_certificates, {"instance": "demo"})
    after = check_certificates(world.doors())
    assert "PRIVATE" not in after, "what is served now is young"
    assert "broker 1 CONTROL expires in 5 days" in after


def test_the_minutely_sweep_keeps_what_the_daily_look_found() -> None:
    world = created(DEMO)
    check_certificates(world.doors())
    before = Observed.read(the_row(world).observed)
    world.sweep()
    after = Observed.read(the_row(world).observed)
    assert after.seen == before.seen
    assert after.seen_at == before.seen_at
    assert Observed.read(after.stored()) == after


def test_internal_is_seen_from_its_own_host_and_what_it_serves_is_told() -> None:
    world = created(DEMO)
    world.ask(rotate_internal_authority, {"instance": "demo"})
    found = certificates(world.doors(), "demo")["certificates"]
    issuers = {line["issuer"] for line in found if "INTERNAL" in line["name"]}
    assert len(issuers) == 1
    assert issuers.pop().split(",")[0].endswith("internal CA g2")


def test_a_listener_that_does_not_answer_is_named() -> None:
    world = created(DEMO)
    next(iter(world.provider.hosts.values())).running = False
    assert "demo: broker 1 INTERNAL did not answer" in check_certificates(world.doors())
    assert "demo: broker 1 PRIVATE did not answer" in check_certificates(world.doors())


def test_clients_certificates_are_watched_too() -> None:
    world = created(DEMO)
    wish = {"instance": "demo", "user": "robot", "days": 10}
    world.ask(issue_client_certificate, wish)
    assert (
        "demo: certificate 1 of robot expires in 10 days (2026-01-11, warning; only its owner can "
        "renew it)"
    ) in check_certificates(world.doors())


def test_the_answer_tells_phases_and_what_is_served() -> None:
    world = created(DEMO)
    view = certificates(world.doors(), "demo")
    printed = Console(width=200, color_system=None, file=StringIO())
    printed.print(certificates_page(view))
    assert "broker 2 PRIVATE" in printed.file.getvalue()  # type: ignore[attr-defined]
    assert [side["phase"] for side in view["sides"]] == [
        "authority 1, the instance's own; no other is trusted"
    ] * 2
    world.ask(replace_certificates, {"instance": "demo", "scope": "authority"})
    view = certificates(world.doors(), "demo")
    assert view["sides"][0]["phase"] == (
        "authority 2, the instance's own, which authority 1 signs too; authority 1 may be trusted "
        "until 2026-01-08 00:00 UTC"
    )
    served = {line["name"]: line for line in view["certificates"]}
    assert served["broker 2 PRIVATE"]["issuer"].endswith(
        "clients CA g2,O=" + the_row(world).organization
    )
    assert {line["urgency"] for line in served.values()} == {"ok"}
    with pytest.raises(Refused):
        certificates(world.doors(), "nobody")


def test_a_rotation_that_was_cut_off_is_told_as_one() -> None:
    world = created(DEMO)
    first = next(iter(world.provider.hosts.values()))
    world.tls.wrong[first.machine.address] = world.tls.chain(first, "private")
    with pytest.raises(GateTimeout):
        world.ask(rotate_internal_authority, {"instance": "demo"})
    sides = certificates(world.doors(), "demo")["sides"]
    assert [side["phase"] for side in sides if side["side"] == "internal"] == [
        "authority 1, the instance's own; brokers and the product trust 1 and 2 until "
        "rotate-internal-authority has come to its end"
    ]


def test_an_open_instance_has_internal_certificates_only() -> None:
    world = created(PLAIN)
    view = certificates(world.doors(), "demo")
    assert [side["side"] for side in view["sides"]] == ["internal"]
    assert not [line for line in view["certificates"] if "PRIVATE" in line["name"]]


# renew-certificates


def test_what_ends_soon_is_renewed_and_the_rest_is_left() -> None:
    world = created(DEMO)
    assert not world.serve(renew_certificates, {}).changed
    world.clock.pause((365 - 20) * DAY)
    shown = world.serve(renew_certificates, {"plan_only": True})
    assert not shown.changed
    plan = world.stage.pages["plan"]
    assert "replace-certificates: broker 1 PRIVATE expires in 20 days" in plan
    assert "rotate-internal-authority: the product expires in 20 days" in plan
    assert "broker 1 CONTROL expires in 20 days" in plan
    done = world.serve(renew_certificates, {})
    assert done.sentence == (
        "Renewed: demo (replace-certificates), demo (rotate-internal-authority)"
    )
    assert check_certificates(world.doors()) == "1 instances looked at"
    assert not world.serve(renew_certificates, {}).changed
    assert all(host.kafka_starts == 1 for host in world.provider.hosts.values())


def test_an_authority_that_ends_is_succeeded_with_an_overlap() -> None:
    world = created(DEMO)
    world.clock.pause((3650 - 20) * DAY)
    world.serve(renew_certificates, {"instances": "demo"})
    numbers = the_row(world).wish.client_facing
    assert (numbers.authority, numbers.trusted) == (2, (1, 2))


def test_the_schedule_touches_only_instances_that_want_it() -> None:
    world = created(DEMO)
    world.clock.pause((365 - 20) * DAY)
    assert not world.serve(renew_certificates, {"automatic_only": True}).changed
    world.ask(modify_instance, {"instance": "demo", "renew_automatically": "on"})
    assert world.serve(renew_certificates, {"automatic_only": True}).changed


def test_one_instance_that_fails_does_not_keep_the_others() -> None:
    world = created(DEMO)
    world.ask(create_instance, {**DEMO, "name": "spare"})
    world.clock.pause((365 - 20) * DAY)
    (first,) = [row.id for row in world.records.living() if row.wish.name == "demo"]
    for host in world.provider.hosts.values():
        if host.machine.name.startswith(first) and host.machine.broker == 2:
            host.kafka = UnitState.FAILED
    with pytest.raises(EffectFailed, match=r"demo: .*broker 2 is down"):
        world.serve(renew_certificates, {})
    assert {row.wish.name: row.wish.client_facing.leaf for row in world.records.living()} == {
        "demo": 1,
        "spare": 2,
    }


def test_what_cannot_be_renewed_is_refused_or_named() -> None:
    world = created(DEMO)
    with pytest.raises(Refused) as refused:
        world.serve(renew_certificates, {"instances": "nobody"})
    assert str(refused.value) == ('instances "nobody": there is no such instance; living are demo')
    with pytest.raises(Refused) as refused:
        world.serve(renew_certificates, {"within_days": -1})
    assert str(refused.value) == "within_days -1.0: accepted are 0 to 3,650 days"
    world.ask(issue_client_certificate, {"instance": "demo", "user": "robot", "days": 10})
    outcome = world.serve(renew_certificates, {})
    assert "demo: certificate 1 of robot expires in 10 days" in outcome.sentence
