"""A user's own certificate is served to clients, and left again, whoever cuts the run off."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import pytest
from cryptography import x509

from certs.facts import describe
from certs.pem import write_certificate
from certs.users_stores import read_keystore
from flows.certificates.finish_certificate_overlap import finish_certificate_overlap
from flows.certificates.replace_certificates import replace_certificates
from flows.certificates.set_mutual_tls import set_mutual_tls
from flows.domain import paths
from flows.domain.errors import EffectFailed
from flows.domain.instance import Status
from flows.instances.add_brokers import add_brokers
from tests.certs.uploaded import (
    PASSWORD,
    Made,
    Says,
    authority,
    jks_store,
    make,
    names,
    pkcs12_keystore,
    pkcs12_truststore,
)
from tests.flows.worlds import DEMO, created, refused, scene, the_row
from tests.world.effects import Killed, Trouble
from tests.world.listeners import properties_of
from tests.world.world import World

YEAR = (-400, 3000)
ROOT = make(Says("Example Root", YEAR, extensions=(authority(),)))
MIDDLE = make(Says("Example Issuing", YEAR, extensions=(authority(),)), ROOT)
OTHER_ROOT = make(Says("Other Root", YEAR, extensions=(authority(),)))
UPLOAD: Mapping[str, Any] = {
    "instance": "demo",
    "source": "upload",
    "keystore": "file:server.keystore.jks",
    "truststore": "file:server.truststore.jks",
    "keystore_password": "keystore-password",
    "truststore_password": "truststore-password",
}
LEAVING = {"instance": "demo", "scope": "authority", "accept_client_break": True}
NOW = {"instance": "demo", "before_its_date": True}


def addresses(world: World) -> tuple[str, ...]:
    """Where the brokers of this world are."""
    return tuple(str(host.machine.address) for host in world.provider.hosts.values())


def laid(
    world: World, named: tuple[str, ...] = (), root: Made = ROOT, subject: str = "kafka.example"
) -> World:
    """The same world, in which a user has laid down two stores and told their passwords."""
    leaf = make(Says(subject, YEAR, extensions=(names(*(named or addresses(world))),)), root)
    world.uploads.files = {
        "server.keystore.jks": jks_store([[leaf, root]], [root]),
        "server.truststore.jks": pkcs12_truststore([root]),
    }
    world.secrets.blocks |= {"keystore-password": PASSWORD, "truststore-password": PASSWORD}
    return world


@scene
def uploaded() -> World:
    """A world whose clients see the user's certificate, and only its authority is trusted."""
    world = laid(created(DEMO))
    world.ask(replace_certificates, {**UPLOAD, "overlap": 0})
    world.effects.log.clear()
    return world


def served(world: World) -> set[tuple[str, ...]]:
    """The subjects and issuers of each chain that clients see, as common names."""
    return {
        tuple(
            f"{_common(facts.subject)} by {_common(facts.issuer)}"
            for facts in map(describe, world.tls.chain(host, listener))
        )
        for host in world.provider.hosts.values()
        for listener in ("private", "cross")
    }


def starts(world: World) -> list[int]:
    """How often each broker was started."""
    return [host.kafka_starts for host in world.provider.hosts.values()]


def assert_at_rest(world: World, started: int) -> None:
    """Running; each broker was started so often, and its file names what it serves."""
    assert the_row(world).status is Status.RUNNING
    assert starts(world) == [started] * 3
    for host in world.provider.hosts.values():
        told = world.kafka.clusters[the_row(world).id].altered.get(host.machine.broker, {})
        written = properties_of(host.contents[paths.SERVER_PROPERTIES])
        assert {key: written[key] for key in told if key.endswith(".location")} == {
            key: path for key, path in told.items() if key.endswith(".location")
        }
    assert not [name for _, name in world.secrets.kept if name.startswith(("keystore", "trust"))]


def _common(name: str) -> str:
    return x509.Name.from_rfc4514_string(name).rdns[-1]._attributes[0].value  # type: ignore


def test_an_upload_is_served_by_every_broker_after_a_roll_and_crossed_by_our_authority() -> None:
    world = laid(created(DEMO))
    world.ask(replace_certificates, UPLOAD)
    (chain,) = served(world)
    assert chain[0] == "kafka.example by Example Root"
    assert chain[1].startswith("Example Root by ")
    assert chain[1].endswith("clients CA g1")
    assert_at_rest(world, started=2)
    world.ask(finish_certificate_overlap, NOW)
    assert served(world) == {("kafka.example by Example Root",)}
    assert_at_rest(world, started=2)


def test_stores_may_be_secret_blocks_with_the_file_in_base64() -> None:
    world = laid(created(DEMO))
    for field in ("keystore", "truststore"):
        content = world.uploads.files.pop(f"server.{field}.jks")
        world.secrets.blocks[f"their-{field}"] = b64encode(content).decode()
    blocks = {"keystore": "their-keystore", "truststore": "their-truststore"}
    world.ask(replace_certificates, {**UPLOAD, **blocks, "overlap": 0})
    assert served(world) == {("kafka.example by Example Root",)}
    assert_at_rest(world, started=2)


def test_the_same_upload_again_is_nothing_to_do() -> None:
    world = uploaded()
    again = world.ask(replace_certificates, UPLOAD)
    assert not again.changed
    assert "nothing to do" in again.sentence
    assert starts(world) == [2, 2, 2]


def test_the_next_certificate_of_the_same_subject_and_names_is_served_live() -> None:
    world = laid(uploaded())
    world.ask(replace_certificates, {**UPLOAD, "overlap": 0})
    assert served(world) == {("kafka.example by Example Root",)}
    assert_at_rest(world, started=2)
    assert the_row(world).wish.client_facing.authority == 3


def test_intermediates_are_sent_and_the_root_is_not() -> None:
    world = created(DEMO)
    leaf = make(Says("kafka.example", YEAR, extensions=(names(*addresses(world)),)), MIDDLE)
    laid(world)
    world.uploads.files["server.keystore.jks"] = pkcs12_keystore(leaf, [MIDDLE, ROOT])
    world.ask(replace_certificates, {**UPLOAD, "overlap": 0})
    assert served(world) == {
        ("kafka.example by Example Issuing", "Example Issuing by Example Root")
    }


def test_leaving_a_users_authority_breaks_clients_and_needs_a_yes() -> None:
    world = uploaded()
    sentence = (
        "accept_client_break: clients that trust only CN=Example Root are refused from the moment "
        "their broker serves the new certificate, because that authority's key is a user's and "
        "cannot sign a successor here; accepted is accept_client_break=true, once every client "
        "trusts the new authority too"
    )
    assert refused(world, replace_certificates, {**LEAVING, "accept_client_break": False}) == (
        sentence
    )
    laid(world, root=OTHER_ROOT)
    assert refused(world, replace_certificates, UPLOAD) == sentence
    assert refused(world, replace_certificates, {"instance": "demo"}) == (
        "scope \"leaf\": clients see a user's own certificate, whose authority's key is not here; "
        "accepted is authority, or source upload with the next certificate of that authority"
    )
    world.ask(replace_certificates, {**UPLOAD, "accept_client_break": True})
    assert served(world) == {("kafka.example by Other Root",)}
    world.ask(finish_certificate_overlap, NOW)
    world.ask(replace_certificates, LEAVING)
    assert {chain[0].partition(" by ")[0] for chain in served(world)} == {"broker"}
    # The other root's certificate has the subject and names of the one before: no roll.
    assert_at_rest(world, started=3)


def test_refusals_come_before_anything_changes() -> None:
    world = laid(created(DEMO), named=("10.9.9.9",))
    known = ", ".join(addresses(world))
    assert refused(world, replace_certificates, UPLOAD) == (
        f"keystore: its certificate is for 10.9.9.9, and clients come by {known} too; accepted is "
        "one for every address in use, or accept_san_gap=true, and then clients that check names "
        "refuse the brokers there"
    )
    world.secrets.blocks["keystore-password"] = "Upload 2027!"
    assert refused(world, replace_certificates, UPLOAD) == (
        "keystore: the password does not open it, or it was altered."
    )
    world.secrets.blocks["keystore-password"] = "short"
    assert refused(world, replace_certificates, UPLOAD) == (
        'keystore_password "(not shown)": 8 to 32 characters are accepted'
    )
    assert refused(world, replace_certificates, {**UPLOAD, "truststore": None}) == (
        "truststore: it is required with source upload"
    )
    assert refused(world, replace_certificates, {**UPLOAD, "source": "generated"}) == (
        'keystore "(not shown)": accepted with source upload only'
    )
    world.secrets.blocks["a-store"] = "this is no base64!"
    assert refused(world, replace_certificates, {**UPLOAD, "keystore": "a-store"}) != ""
    assert starts(world) == [1, 1, 1]
    assert the_row(world).wish.client_facing.leaf == 1


def test_a_missing_name_can_be_accepted_and_is_told() -> None:
    world = laid(created(DEMO), named=("10.9.9.9",))
    world.ask(replace_certificates, {**UPLOAD, "accept_san_gap": True, "plan_only": True})
    plan = world.stage.pages["plan"]
    assert f"the certificate is not for {', '.join(addresses(world))}" in plan
    world.ask(replace_certificates, {**UPLOAD, "accept_san_gap": True})
    assert_at_rest(world, started=2)


def test_with_mutual_tls_clients_certificates_are_ours_and_an_upload_is_refused() -> None:
    world = laid(created(DEMO))
    world.ask(set_mutual_tls, {"instance": "demo", "mutual_tls": "on", "confirm": "demo"})
    assert refused(world, replace_certificates, UPLOAD) == (
        'source "upload": while mutual TLS is on, clients show certificates of the instance\'s own '
        "authority; accepted is generate, or set-mutual-tls mutual_tls=off first"
    )


def test_new_brokers_would_serve_it_too_and_need_a_yes() -> None:
    world = uploaded()
    assert refused(world, add_brokers, {"instance": "demo", "brokers": 4}) == (
        "accept_san_gap: clients see a user's own certificate, which new brokers serve too, and "
        "their addresses are not known before they are there; accepted is accept_san_gap=true, and "
        "then an upload that names all brokers"
    )
    world.ask(add_brokers, {"instance": "demo", "brokers": 4, "accept_san_gap": True})
    assert served(world) == {("kafka.example by Example Root",)}
    assert len(world.provider.hosts) == 4


def wrongly_rebuilt(world: World) -> World:
    """The same world, in which Java makes another chain of the store that was laid down."""
    store = read_keystore("keystore", world.uploads.files["server.keystore.jks"], PASSWORD)
    world.tls.rebuilt[store.certificates[0]] = (write_certificate(OTHER_ROOT.certificate),)
    return world


def test_a_broker_that_serves_something_else_gets_its_old_store_back_and_stops_the_roll() -> None:
    world = wrongly_rebuilt(laid(created(DEMO)))
    before = served(world)
    with pytest.raises(EffectFailed) as failure:
        world.ask(replace_certificates, UPLOAD)
    assert "until broker 2 serves its certificates, in vain: broker 2 PRIVATE: it serves" in str(
        failure.value
    )
    assert str(failure.value).endswith("; broker 2 was started with its old stores again")
    assert served(world) == before
    assert sorted(starts(world)) == [1, 1, 3]
    assert the_row(world).status is Status.CHANGE_FAILED
    world.tls.rebuilt.clear()
    world.ask(replace_certificates, UPLOAD)
    assert served(world) != before
    assert sorted(starts(world)) == [2, 2, 4]


def test_a_broker_that_cannot_go_back_is_told_with_what_went_wrong_first() -> None:
    world = wrongly_rebuilt(laid(created(DEMO)))
    with suppress(EffectFailed):
        world.ask(replace_certificates, UPLOAD)
    stops = [at for at, each in enumerate(world.effects.log) if each == "FakeHosts.stop_kafka"]
    world = wrongly_rebuilt(laid(created(DEMO)))
    world.effects.trouble_at, world.effects.trouble = stops[1], Trouble.FAILS
    with pytest.raises(
        EffectFailed,
        match=r"in vain: .* is another one; broker 2 was not started with its old stores again: "
        r"FakeHosts.stop_kafka failed",
    ):
        world.ask(replace_certificates, UPLOAD)


def going_back() -> range:
    """The effects of a roll from the one on that proves wrong."""
    world = wrongly_rebuilt(laid(created(DEMO)))
    with suppress(EffectFailed):
        world.ask(replace_certificates, UPLOAD)
    stops = [at for at, each in enumerate(world.effects.log) if each == "FakeHosts.stop_kafka"]
    return range(stops[1] - 5, len(world.effects.log))


@pytest.mark.parametrize("at", going_back())
def test_a_broker_on_its_way_back_is_taken_on_by_the_next_run(at: int) -> None:
    world = wrongly_rebuilt(laid(created(DEMO)))
    _troubled(world, (at, list(Trouble)[at % 4]), UPLOAD)
    world.tls.rebuilt.clear()
    world.ask(replace_certificates, UPLOAD, who="grace")
    assert {chain[0] for chain in served(world)} == {"kafka.example by Example Root"}
    assert the_row(world).status is Status.RUNNING
    assert sorted(starts(world))[:2] == [2, 2], "only the broker that was wrong restarted more"


def test_another_upload_than_the_one_that_was_begun_is_refused() -> None:
    """It was served instead of the new one once, and nothing said so."""
    world = laid(created(DEMO))
    world.tls.wrong |= dict.fromkeys(addresses(world), (write_certificate(OTHER_ROOT.certificate),))
    with pytest.raises(EffectFailed):
        world.ask(replace_certificates, UPLOAD)
    world.tls.wrong.clear()
    files = world.uploads.files
    begun = fingerprint(world)
    laid(world, root=OTHER_ROOT, subject="other.example")
    assert refused(world, replace_certificates, UPLOAD) == (
        f"keystore: a replacement by the certificate CN=kafka.example (SHA-256 {begun}) was begun "
        f"and is not finished, and this one is CN=other.example ({fingerprint(world)}); accepted "
        "is the same upload again, and any other once that one is served"
    )
    assert the_row(world).status is Status.CHANGE_FAILED
    world.uploads.files = files
    world.ask(replace_certificates, UPLOAD)
    assert the_row(world).status is Status.RUNNING
    assert sorted(starts(world)) == [2, 2, 4]


def fingerprint(world: World) -> str:
    """How the certificate that a user has laid down is told from others."""
    store = read_keystore("keystore", world.uploads.files["server.keystore.jks"], PASSWORD)
    return describe(store.certificates[0]).sha256[:16]


def effects_of(world: World, wish: Mapping[str, Any]) -> int:
    world.ask(replace_certificates, wish)
    return len(world.effects.log)


HERE = {**UPLOAD, "overlap": 0}
EFFECTS = effects_of(laid(created(DEMO)), HERE)
AWAY_EFFECTS = effects_of(uploaded(), {**LEAVING, "overlap": 0})


def cases(effects: int) -> list[Any]:
    """Every effect, each with another kind of trouble; two of three only with --all.

    Rolls have tests of their own, in which every effect meets every trouble.
    """
    kinds = list(Trouble)
    return [
        pytest.param(at, kinds[at % 4], marks=() if at % 3 == 0 else (pytest.mark.slow,))
        for at in range(effects)
    ]


@pytest.mark.parametrize(("at", "trouble"), cases(EFFECTS))
def test_an_upload_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = laid(created(DEMO))
    _troubled(world, (at, trouble), HERE)
    world.ask(replace_certificates, HERE, who="grace")
    assert served(world) == {("kafka.example by Example Root",)}
    assert_at_rest(world, started=2)
    third = world.ask(replace_certificates, HERE)
    assert not third.changed


@pytest.mark.parametrize(("at", "trouble"), cases(AWAY_EFFECTS))
def test_leaving_an_upload_is_finished_by_the_next_run(at: int, trouble: Trouble) -> None:
    world = uploaded()
    wish = {**LEAVING, "overlap": 0}
    _troubled(world, (at, trouble), wish)
    if the_row(world).status is not Status.RUNNING or "kafka.example" in str(served(world)):
        world.ask(replace_certificates, wish, who="grace")
    (first, *_) = {chain[0] for chain in served(world)}
    assert first.startswith("broker by ")
    assert_at_rest(world, started=3)


def _troubled(world: World, trouble: tuple[int, Trouble], wish: Mapping[str, Any]) -> None:
    world.effects.trouble_at, world.effects.trouble = trouble
    with suppress(EffectFailed, Killed):  # What a roll can do without stops nobody.
        world.ask(replace_certificates, wish)
    assert len(world.effects.log) > trouble[0]
    world.effects.heal()
