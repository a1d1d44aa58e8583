"""`fleet client-certificates` and `client-certificate` on the fake world: handed out once."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from flows.certificates.finish_certificate_overlap import finish_certificate_overlap
from flows.certificates.issue_client_certificate import issue_client_certificate
from flows.certificates.replace_certificates import replace_certificates
from flows.certificates.revoke_client_certificate import revoke_client_certificate
from flows.certificates.set_mutual_tls import set_mutual_tls
from flows.domain.errors import Refused
from flows.domain.operations import Door
from flows.instances.modify_instance import modify_instance
from flows.procedures.operation import Operation
from flows.queries.bundle import bundle
from flows.queries.certificates import certificates
from flows.queries.client_certificates import Asked, client_certificates, hand_out
from tests.flows.worlds import DEMO, created
from tests.world.world import World

ISSUE = {"instance": "demo", "user": "robert"}
ADA = ("ada", Door.CLI)


def with_robert() -> World:
    """A certificate of robert waits."""
    world = created(DEMO)
    world.ask(issue_client_certificate, ISSUE)
    return world


def got(world: World, asked: Asked) -> Mapping[str, bytes]:
    """The files that were written."""
    files: dict[str, bytes] = {}
    hand_out(world.doors(), "demo", asked, ADA, files.update)
    return files


def states(world: World) -> list[tuple[int, str, str]]:
    lines = client_certificates(world.doors(), "demo")
    return [(line["number"], line["user"], line["state"]) for line in lines]


def test_a_certificate_waits_is_handed_out_once_and_ends() -> None:
    world = with_robert()
    assert states(world) == [(1, "robert", "waiting")]
    files = got(world, Asked("robert"))
    assert {"client.crt", "client.key", "client.keystore.jks", "phy_ca.crt"} <= set(files)
    assert states(world) == [(1, "robert", "handed out")]
    with pytest.raises(Refused, match="each is handed out once"):
        got(world, Asked("robert"))
    world.clock.pause(timedelta(days=366).total_seconds())
    assert states(world) == [(1, "robert", "expired")]


def test_its_key_is_nowhere_here_afterwards_and_the_audit_knows_who_has_it() -> None:
    world = with_robert()
    key = got(world, Asked("robert"))["client.key"].decode()
    assert not [name for name, value in world.secrets.kept.items() if key in value]
    trace = world.records.traces("demo")[-1]
    assert (trace.name, trace.who) == ("showClientCertificateSuccess", "ada")
    assert trace.parameters == {"user": "robert", "number": 1}


def test_what_could_not_be_written_waits_on() -> None:
    world = with_robert()

    def full(_: Mapping[str, bytes]) -> None:
        raise OSError("no space left on device")

    with pytest.raises(OSError, match="no space"):
        hand_out(world.doors(), "demo", Asked("robert"), ADA, full)
    assert states(world) == [(1, "robert", "waiting")]
    assert got(world, Asked("robert"))


def test_of_several_one_is_chosen_by_its_number() -> None:
    world = with_robert()
    world.ask(issue_client_certificate, {**ISSUE, "another": True})
    with pytest.raises(Refused, match="several wait; accepted are 1, 2"):
        got(world, Asked("robert"))
    got(world, Asked("robert", 2))
    assert states(world) == [(1, "robert", "waiting"), (2, "robert", "handed out")]


def test_a_revoked_one_is_not_handed_out() -> None:
    world = with_robert()
    world.ask(revoke_client_certificate, ISSUE)
    assert states(world) == [(1, "robert", "revoked")]
    with pytest.raises(Refused, match="was revoked"):
        got(world, Asked("robert"))


def test_who_has_none_is_refused_by_name() -> None:
    world = with_robert()
    with pytest.raises(Refused) as caught:
        got(world, Asked("carol"))
    assert str(caught.value) == (
        'user "carol": demo issued no certificate to this user; it issued some to robert'
    )
    with pytest.raises(Refused, match="because SASL_SSL is off"):
        client_certificates(created().doors(), "demo")


def test_bundles_follow_mutual_tls() -> None:
    world = with_robert()
    settings = "console/client.properties"
    assert b"security.protocol=SASL_SSL\n" in bundle(world.doors(), "demo")[settings]
    on = {"instance": "demo", "mutual_tls": "on", "confirm": "demo"}
    world.ask(set_mutual_tls, on)
    files = bundle(world.doors(), "demo")
    assert b"security.protocol=SSL\n" in files[settings]
    assert "client.key" not in files


def test_a_bundle_has_another_number_once_it_says_something_else() -> None:
    world = with_robert()
    leaf, authority = {"instance": "demo"}, {"instance": "demo", "scope": "authority"}
    tags = {"instance": "demo", "tags": "team=search"}
    now = {"instance": "demo", "before_its_date": True}
    changes: tuple[tuple[Operation[Any, Any], Mapping[str, Any], int], ...] = (
        (modify_instance, tags, 1),
        (replace_certificates, leaf, 1),
        (replace_certificates, authority, 2),
        (finish_certificate_overlap, now, 3),
        (set_mutual_tls, {"instance": "demo", "mutual_tls": "on", "confirm": "demo"}, 4),
        (set_mutual_tls, {"instance": "demo", "mutual_tls": "off", "confirm": "demo"}, 5),
    )
    for operation, wish, version in changes:
        assert world.ask(operation, wish).changed
        assert certificates(world.doors(), "demo")["bundle"] == version
        readme = bundle(world.doors(), "demo")["README.txt"].decode()
        assert re.search(rf"^Version: +{version} ", readme, re.MULTILINE)
