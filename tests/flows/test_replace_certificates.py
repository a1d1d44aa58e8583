"""Certificates of clients' listeners are replaced while brokers run, whoever cuts the run off."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from itertools import product
from typing import Any

import pytest

from certs.authority import Authority, cross_sign, new_authority
from certs.facts import describe
from certs.leaf import LeafRequest
from flows.access.set_public_access import set_public_access
from flows.certificates.finish_certificate_overlap import finish_certificate_overlap
from flows.certificates.finish_due_overlaps import finish_due_overlaps
from flows.certificates.replace_certificates import replace_certificates
from flows.domain import paths
from flows.domain.errors import EffectFailed
from flows.domain.instance import Status
from flows.domain.vantage import Network
from flows.instances.roll_back import roll_back
from flows.procedures.operation import Operation
from flows.steps.certificates import _request
from tests.flows.worlds import DEMO, PLAIN, created, refused, scene, the_row
from tests.world.effects import Killed, Trouble
from tests.world.listeners import properties_of
from tests.world.world import World

LEAF = {"instance": "demo"}
AUTHORITY = {"instance": "demo", "scope": "authority"}
AT_ONCE = {**AUTHORITY, "overlap": 0}
NOW = {"instance": "demo", "before_its_date": True}
DAY = 86_400
EIPS = ("203.0.113.1", "203.0.113.2", "203.0.113.3")
REACHED = ("private", "cross", "public")


@scene
def overlapping() -> World:
    world = created(DEMO)
    world.ask(replace_certificates, AUTHORITY)
    world.effects.log.clear()
    return world


@scene
def reached() -> World:
    """Clients outside come by EIPs."""
    world = created(DEMO)
    world.ask(set_public_access, {"instance": "demo", "eips": ",".join(EIPS)})
    world.effects.log.clear()
    return world


def served(
    world: World, listeners: Iterable[str] = ("private", "cross")
) -> dict[str, tuple[bytes, ...]]:
    """Machine and listener -> the chain that it serves."""
    return {
        f"{host.machine.name} {listener}": world.tls.chain(host, listener)
        for host, listener in product(world.provider.hosts.values(), listeners)
    }


def place(chains: Iterable[str], words: str) -> str:
    """The one that has these words in its name."""
    (found,) = (each for each in chains if words in each)
    return found


def issuers(world: World) -> set[tuple[str, ...]]:
    """Who signed each certificate of each served chain: `CA g1`, and so on."""
    return {
        tuple(describe(pem).issuer.split(",")[0].rpartition(" ")[2] for pem in chain)
        for chain in served(world).values()
    }


def assert_at_rest(world: World) -> None:
    """Nothing restarted, and every file names what its broker was told."""
    assert the_row(world).status is Status.RUNNING
    for host in world.provider.hosts.values():
        assert host.kafka_starts == 1
        told = world.kafka.clusters[the_row(world).id].altered.get(host.machine.broker, {})
        written = properties_of(host.contents[paths.SERVER_PROPERTIES])
        for key, path in told.items():
            if key.endswith(".location"):
                assert written[key] == path
                assert path in host.contents


def test_new_certificates_of_the_same_authority() -> None:
    world = created(DEMO)
    before = served(world)
    world.ask(replace_certificates, LEAF)
    after = served(world)
    assert len(set(after.values())) == 6, "one for each broker and listener"
    assert not set(before.values()) & set(after.values())
    assert issuers(world) == {("g1",)}
    assert_at_rest(world)
    again = world.ask(replace_certificates, LEAF)
    assert again.changed, "each request is a replacement"
    assert not set(after.values()) & set(served(world).values())


def test_names_and_subjects_stay() -> None:
    world = created(DEMO)
    before = {place: describe(chain[0]) for place, chain in served(world).items()}
    world.ask(replace_certificates, LEAF)
    for place, chain in served(world).items():
        facts = describe(chain[0])
        assert facts.subject == before[place].subject
        assert facts.ip_addresses == before[place].ip_addresses


def test_a_new_authority_is_signed_by_the_old_one_until_the_overlap_ends() -> None:
    world = overlapping()
    assert issuers(world) == {("g2", "g1")}
    assert_at_rest(world)
    early = refused(world, finish_certificate_overlap, {"instance": "demo"})
    assert early == (
        'instance "demo": clients may trust the old authority until 2026-01-08 00:00 UTC; give '
        "before_its_date to end it now"
    )
    crossed = served(world)
    world.clock.pause(7 * DAY)
    world.ask(finish_certificate_overlap, {"instance": "demo"})
    assert issuers(world) == {("g2",)}
    assert {place: chain[:1] for place, chain in crossed.items()} == served(world), "same leaves"
    assert_at_rest(world)
    third = world.ask(finish_certificate_overlap, {"instance": "demo"})
    assert not third.changed
    kept = {name for _, name in world.secrets.kept}
    assert "clients-authority-2" in kept
    assert "clients-authority-1" not in kept, "the old key is nowhere any more"
    assert not [name for name in kept if name.endswith(".x1")]


def test_overlaps_end_by_themselves_on_their_date() -> None:
    world = overlapping()
    assert not world.serve(finish_due_overlaps, {}).changed
    world.clock.pause(7 * DAY)
    answer = world.serve(finish_due_overlaps, {})
    assert answer.result["finished"] == ["demo"]
    assert issuers(world) == {("g2",)}
    assert not world.serve(finish_due_overlaps, {}).changed


def test_an_overlap_that_cannot_end_is_named_and_stays() -> None:
    world = overlapping()
    world.clock.pause(7 * DAY)
    next(iter(world.provider.hosts.values())).running = False
    with pytest.raises(EffectFailed, match=r"^demo: .*broker 1 is down"):
        world.serve(finish_due_overlaps, {})
    world.records.set_status(the_row(world).id, Status.CHANGE_FAILED)
    assert not world.serve(finish_due_overlaps, {}).changed
    assert "demo: due since 2026-01-08 00:00 UTC, but not at rest" in world.stage.pages["plan"]


def test_the_overlap_can_end_in_the_same_run() -> None:
    world = created(DEMO)
    world.ask(replace_certificates, AT_ONCE)
    assert issuers(world) == {("g2",)}
    assert the_row(world).wish.client_facing.trusted == (2,)
    assert_at_rest(world)


def test_new_certificates_during_an_overlap_are_crossed_too() -> None:
    world = overlapping()
    world.ask(replace_certificates, LEAF)
    assert issuers(world) == {("g2", "g1")}
    until = the_row(world).wish.client_facing.overlap_until
    assert until is not None
    assert f"{until:%Y-%m-%d}" == "2026-01-08"


def test_refusals() -> None:
    world = overlapping()
    assert refused(world, replace_certificates, AUTHORITY) == (
        'scope "authority": clients may still trust authority 1 as well as 2; '
        "finish-certificate-overlap comes first"
    )
    assert refused(world, replace_certificates, {**LEAF, "scope": "all"}) == (
        'scope "all": accepted are leaf, authority'
    )
    assert refused(world, replace_certificates, {**AUTHORITY, "overlap": 366}) == (
        "overlap 366.0: accepted are 0 to 365 days"
    )
    next(iter(world.provider.hosts.values())).running = False
    assert "broker 1 is down" in refused(world, replace_certificates, LEAF)
    open_world = created(PLAIN)
    assert refused(open_world, replace_certificates, LEAF) == (
        'instance "demo": its clients see no certificates, because SASL_SSL is off; that is fixed'
    )


def test_a_broker_that_serves_something_else_gets_its_old_store_back() -> None:
    world = created(DEMO)
    first = served(world)
    address = next(
        host.machine.address for host in world.provider.hosts.values() if host.machine.broker == 2
    )
    other = first[next(place for place in first if "-2-1 private" in place)]
    world.tls.wrong[address] = other
    with pytest.raises(EffectFailed, match=r"broker 2 PRIVATE: it serves the certificate .*, which "
                       r"is another one; it was told its old stores again"):  # fmt: skip
        world.ask(replace_certificates, LEAF)
    after = served(world)
    changed = {place.split("-")[1] for place in first if first[place] != after[place]}
    assert changed == {"1"}, "broker 2 is as before, and broker 3 was not touched"
    assert the_row(world).status is Status.CHANGE_FAILED
    world.tls.wrong.clear()
    world.ask(replace_certificates, LEAF)
    assert the_row(world).wish.client_facing.leaf == 2, "the same replacement was finished"
    assert_at_rest(world)


def test_a_broker_that_does_not_serve_its_old_store_again_either_is_told() -> None:
    world = created(DEMO)
    first = served(world)
    address = next(
        host.machine.address for host in world.provider.hosts.values() if host.machine.broker == 2
    )
    world.tls.wrong[address] = first[next(place for place in first if "-1-1 private" in place)]
    with pytest.raises(EffectFailed, match=r"it was told its old stores again, but waited 20 s "
                       r"until broker 2 serves its certificates, in vain: "):  # fmt: skip
        world.ask(replace_certificates, LEAF)
    world.tls.wrong.clear()
    world.ask(replace_certificates, LEAF)
    assert_at_rest(world)


def of_its_own(world: World) -> World:
    """What is made wrong in this world is no other's: worlds that are alike share what was made."""
    world.secrets.kept[the_row(world).id, "password-of-its-own"] = str(id(world))
    return world


def test_a_store_that_was_made_wrong_is_noticed_though_it_is_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Signed by who must not sign it: the old authority's clients would refuse the brokers."""
    world = of_its_own(created(DEMO))
    before = served(world)

    def strange(new: bytes, old: Authority) -> bytes:
        return cross_sign(new, new_authority("clients", "strange", 1, world.clock.now()))

    monkeypatch.setattr("flows.steps.certificates.cross_sign", strange)
    with pytest.raises(EffectFailed, match=r"broker 1 PRIVATE: whoever trusts authority 1 alone "
                       r"refuses it: chain: .*; it was told its old stores again"):  # fmt: skip
        world.ask(replace_certificates, AUTHORITY)
    assert served(world) == before
    monkeypatch.undo()
    world.ask(roll_back, {"instance": "demo"})
    world.ask(replace_certificates, AUTHORITY)
    assert_at_rest(world)


def test_a_certificate_for_another_address_is_noticed_though_it_is_served(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = of_its_own(created({**DEMO, "version": "2.3.0"}))
    before = served(world)

    def elsewhere(*args: Any) -> LeafRequest:
        return replace(_request(*args), ip_addresses=(), dns_names=("elsewhere",))

    monkeypatch.setattr("flows.steps.certificates._request", elsewhere)
    with pytest.raises(EffectFailed, match=r"broker 1 PRIVATE: its certificate is for elsewhere, "
                       r"and whoever comes by \d+\.\d+\.\d+\.\d+ refuses it"):  # fmt: skip
        world.ask(replace_certificates, LEAF)
    assert served(world) == before


def test_what_clients_of_other_networks_are_served_is_looked_at_from_there() -> None:
    world = reached()
    first = served(world, REACHED)
    world.vantages.in_between[EIPS[1]] = first[place(first, "-2-1 public")]
    with pytest.raises(EffectFailed, match=rf"broker 2 PUBLIC, seen from outside at {EIPS[1]}:.*"
                       r"another chain, is served there; it was told its old stores"):  # fmt: skip
        world.ask(replace_certificates, LEAF)
    after = served(world, REACHED)
    assert {each.split("-")[1] for each in first if first[each] != after[each]} == {"1"}
    assert the_row(world).status is Status.CHANGE_FAILED
    world.vantages.in_between.clear()
    world.ask(replace_certificates, LEAF)
    assert_at_rest(world)
    assert not set(served(world, REACHED).values()) & set(first.values())


def test_whom_nobody_can_ask_for_is_named_and_replaced_all_the_same() -> None:
    world = reached()
    world.vantages.missing.add(Network.OUTSIDE)
    world.ask(replace_certificates, LEAF)
    (line,) = {line for line in world.stage.lines if EIPS[2] in line}
    assert "there is no vantage in the network outside, so nobody can look from there" in line
    assert_at_rest(world)


def test_the_plan_says_the_way_and_whom_it_concerns() -> None:
    world = created(DEMO)
    world.ask(replace_certificates, {**AUTHORITY, "plan_only": True})
    page = world.stage.pages["plan"]
    assert (
        "| broker 1 PRIVATE | serve certificate 2 of authority 2, which authority 1 signs too "
        in page
    )
    assert "live, from a new file: no restart" in page
    assert "proves nothing" in page
    assert issuers(world) == {("g1",)}


def test_the_plan_names_the_addresses_that_certificates_cannot_lose() -> None:
    world = reached()
    world.ask(replace_certificates, {**LEAF, "plan_only": True})
    assert "come no more" not in world.stage.pages["plan"]
    others = ("203.0.113.11", "203.0.113.12", "203.0.113.13")
    world.ask(set_public_access, {"instance": "demo", "eips": ",".join(others), "keep_old": 0})
    world.ask(replace_certificates, {**LEAF, "plan_only": True})
    assert (
        "a broker that has served a name does not take a certificate without it, until the broker "
        "is started anew (restart-instance, or whatever else rolls): "
        f"broker 1 PUBLIC: {EIPS[0]}; broker 2 PUBLIC: {EIPS[1]}; broker 3 PUBLIC: {EIPS[2]}"
    ) in world.stage.pages["plan"]


def effects_of(world: World, operation: Operation[Any, Any], wish: Mapping[str, Any]) -> int:
    world.ask(operation, wish)
    return len(world.effects.log)


Begin = Callable[[], World]
Run = tuple[Begin, Operation[Any, Any], Mapping[str, Any], set[tuple[str, ...]]]
RUNS: Mapping[str, Run] = {
    "authority": (lambda: created(DEMO), replace_certificates, AUTHORITY, {("g2", "g1")}),
    "at once": (lambda: created(DEMO), replace_certificates, AT_ONCE, {("g2",)}),
    "drop": (overlapping, finish_certificate_overlap, NOW, {("g2",)}),
}
POINTS = [
    (name, at)
    for name, (begin, operation, wish, _) in RUNS.items()
    for at in range(effects_of(begin(), operation, wish))
]


@pytest.mark.parametrize("trouble", list(Trouble))
@pytest.mark.parametrize(("name", "at"), POINTS)
def test_cut_off_anywhere_the_next_run_finishes(name: str, at: int, trouble: Trouble) -> None:
    begin, operation, wish, end = RUNS[name]
    world = begin()
    before = the_row(world).wish
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with pytest.raises((EffectFailed, Killed)):
        world.ask(operation, wish)
    world.effects.heal()
    row = the_row(world)
    if row.status is not Status.RUNNING or row.wish == before:
        world.ask(operation, wish, who="grace")
    assert issuers(world) == end
    assert_at_rest(world)
