"""A replacement of certificates that was cut off, or whose store is wrong, is taken back."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from typing import Any

import pytest

from certs.users_stores import read_keystore
from flows.certificates.finish_certificate_overlap import finish_certificate_overlap
from flows.certificates.replace_certificates import replace_certificates
from flows.certificates.set_mutual_tls import set_mutual_tls
from flows.domain import paths
from flows.domain.errors import EffectFailed, Refused, ServiceError
from flows.domain.instance import Status
from flows.domain.versions import VersionName
from flows.instances.roll_back import roll_back
from flows.procedures.operation import Operation
from tests.certs.uploaded import PASSWORD
from tests.flows.test_replace_certificates import AT_ONCE, AUTHORITY, LEAF, NOW, overlapping
from tests.flows.test_uploads import (
    LEAVING,
    OTHER_ROOT,
    UPLOAD,
    addresses,
    laid,
    uploaded,
)
from tests.flows.worlds import DEMO, created, effects_of, refused, scene, the_row
from tests.world.effects import Killed, Trouble
from tests.world.listeners import properties_of
from tests.world.world import World

BACK: Mapping[str, Any] = {"instance": "demo"}
HERE = {**UPLOAD, "overlap": 0}
MUTUAL = {"instance": "demo", "mutual_tls": "on", "confirm": "demo"}
Chains = dict[str, tuple[bytes, ...]]


@scene
def mutual() -> World:
    """Clients show certificates."""
    world = created(DEMO)
    world.ask(set_mutual_tls, MUTUAL)
    world.effects.log.clear()
    return world


def wider() -> World:
    """Clients see a user's certificate, and one of more names lies ready."""
    world = uploaded()
    return laid(world, named=(*addresses(world), "10.9.9.9"))


@scene
def uploaded_on_an_old_release() -> World:
    world = laid(created({**DEMO, "version": VersionName.V2_3}))
    world.ask(replace_certificates, HERE)
    world.effects.log.clear()
    return world


def on_an_old_release() -> World:
    """The same where a running broker takes other names in the file in use only."""
    world = uploaded_on_an_old_release()
    return laid(world, named=(*addresses(world), "10.9.9.9"))


def chains(world: World) -> Chains:
    """Machine and listener -> the chain that it serves."""
    return {
        f"{host.machine.name} {listener}": world.tls.chain(host, listener)
        for host in world.provider.hosts.values()
        for listener in ("private", "cross")
    }


def keys(world: World) -> set[str]:
    """The names of all kept secrets that serve as keys of clients' listeners."""
    marks = ("store-private", "store-cross", "clients-authority", "clients-upload")
    return {name for _, name in world.secrets.kept if name.startswith(marks)}


def assert_as_before(world: World, before: Chains, kept: set[str]) -> None:
    """What was served is served, now and after the next start, and no other key is left."""
    assert the_row(world).status is Status.RUNNING
    assert chains(world) == before
    assert keys(world) == kept
    for host in world.provider.hosts.values():
        told = world.kafka.clusters[the_row(world).id].altered.get(host.machine.broker, {})
        written = properties_of(host.contents[paths.SERVER_PROPERTIES])
        for key, path in told.items():
            if key.endswith(".location"):
                assert (key, written[key]) == (key, path)


def starts(world: World) -> list[int]:
    return [host.kafka_starts for host in world.provider.hosts.values()]


def _at(
    world: World, at: int, trouble: Trouble, operation: Operation[Any, Any], wish: Mapping[str, Any]
) -> None:
    """The operation meets this trouble at that effect; then all is well again."""
    world.effects.log.clear()
    world.effects.trouble_at, world.effects.trouble = at, trouble
    with suppress(EffectFailed, Killed):
        world.ask(operation, wish)
    world.effects.heal()


def test_a_store_that_is_wrong_itself_is_left_and_another_one_is_served() -> None:
    """Java makes another chain of it, every time: the same request can never succeed."""
    world = laid(created(DEMO))
    before, kept = chains(world), keys(world)
    wrong = read_keystore("keystore", world.uploads.files["server.keystore.jks"], PASSWORD)
    leaf = wrong.certificates[0]
    world.tls.rebuilt[leaf] = (leaf,)
    for _ in range(2):
        with pytest.raises(ServiceError, match="but of the 1 to be sent after it 0"):
            world.ask(replace_certificates, UPLOAD)
    world.ask(roll_back, BACK)
    assert_as_before(world, before, kept)
    laid(world, root=OTHER_ROOT, subject="other.example")
    world.ask(replace_certificates, UPLOAD)
    numbers = the_row(world).wish.client_facing
    assert (numbers.authority, numbers.leaf) == (3, 3), "no number is given twice"


def test_a_wrong_certificate_of_ours_is_taken_back_without_a_restart() -> None:
    world = created(DEMO)
    before, kept = chains(world), keys(world)
    told = log_of("at once").index("FakeKafka.alter_broker")
    _at(world, told, Trouble.KILLED_AFTER, replace_certificates, AUTHORITY)
    world.ask(roll_back, {**BACK, "plan_only": True})
    page = world.stage.pages["plan"]
    assert (
        "| broker 1 PRIVATE | serve certificate 1 of authority 1 again, where another one is "
        "served (live, from a new file"
    ) in page
    assert "clients that trust only authority 2 by now are refused" in page
    world.ask(roll_back, BACK)
    assert_as_before(world, before, kept)
    assert starts(world) == [1, 1, 1]
    world.ask(replace_certificates, AUTHORITY)
    numbers = the_row(world).wish.client_facing
    assert (numbers.trusted, numbers.taken_back) == ((1, 3), None)


def test_with_mutual_tls_nobody_goes_back_behind_a_drop() -> None:
    world = mutual()
    world.ask(replace_certificates, AT_ONCE)
    revised = [at for at, each in enumerate(world.effects.log) if each == "FakeRecords.revise"]
    world = mutual()
    _at(world, revised[-1], Trouble.KILLED_AFTER, replace_certificates, AT_ONCE)
    assert refused(world, roll_back, BACK) == (
        'client_facing "authority 2 alone": with mutual TLS brokers refuse whom authority 1 has '
        "signed by now, the product as well; ask for the same change again to finish it"
    )
    world.ask(replace_certificates, AT_ONCE)
    assert the_row(world).status is Status.RUNNING


Run = tuple[Callable[[], World], Operation[Any, Any], Mapping[str, Any]]
RUNS: Mapping[str, Run] = {
    "leaf": (lambda: created(DEMO), replace_certificates, LEAF),
    "at once": (lambda: created(DEMO), replace_certificates, AT_ONCE),
    "mutual": (mutual, replace_certificates, AUTHORITY),
    "drop": (overlapping, finish_certificate_overlap, NOW),
    "upload": (lambda: laid(created(DEMO)), replace_certificates, HERE),
    "leaving": (uploaded, replace_certificates, {**LEAVING, "overlap": 0}),
    "more names": (wider, replace_certificates, HERE),
    "old release": (on_an_old_release, replace_certificates, HERE),
}


@cache
def log_of(name: str) -> Sequence[str]:
    """The effects of an undisturbed run."""
    begin, operation, wish = RUNS[name]
    world = begin()
    world.ask(operation, wish)
    return world.effects.log


def points(name: str) -> range:
    return range(len(log_of(name)))


def troubled(at: int) -> Trouble:
    return list(Trouble)[at % 4]


ROLLS = ("upload", "leaving", "more names")


def _marks(name: str, at: int) -> Any:
    """All points with --all; otherwise one of three, and of rolls, which are long, of nine."""
    return (pytest.mark.slow,) if at % (9 if name in ROLLS else 3) else ()


@pytest.mark.parametrize(
    ("name", "at"),
    [pytest.param(name, at, marks=_marks(name, at)) for name in RUNS for at in points(name)],
)
def test_cut_off_anywhere_it_goes_back(name: str, at: int) -> None:
    """Until what was there is being forgotten; then only the same request is left."""
    begin, operation, wish = RUNS[name]
    world = begin()
    before, kept = chains(world), keys(world)
    _at(world, at, troubled(at), operation, wish)
    if the_row(world).status is Status.RUNNING:
        return
    try:
        world.ask(roll_back, BACK, who="grace")
    except Refused as refusal:
        assert "is being forgotten already" in str(refusal)  # noqa: PT017 - one of two good ends
        world.ask(operation, wish, who="grace")
        assert the_row(world).status is Status.RUNNING
        return
    keys_made = keys(world) - kept
    assert not keys_made or the_row(world).wish.client_facing.taken_back is None
    for extra in keys_made:
        world.secrets.kept.pop((the_row(world).id, extra))
    assert_as_before(world, before, kept)
    if name != "more names" and name not in ROLLS:
        assert len(set(starts(world))) == 1, "what is changed live is taken back live"
    world.ask(operation, wish)
    assert not set(chains(world).values()) & set(before.values())


def begun(name: str) -> World:
    """A world in which every broker serves what is new, and the run was cut off just then."""
    begin, operation, wish = RUNS[name]
    world = begin()
    before = set(chains(world).values())
    forgetting = log_of(name).index("FakeSecrets._drop")
    _at(world, forgetting, Trouble.KILLED_BEFORE, operation, wish)
    assert not before & set(chains(world).values())
    return world


def back_points(name: str) -> range:
    return range(effects_of(begun(name), roll_back, BACK))


@pytest.mark.parametrize(
    ("name", "at"),
    [pytest.param(name, at, marks=_marks(name, at)) for name in RUNS for at in back_points(name)],
)
def test_going_back_is_finished_by_the_next_run(name: str, at: int) -> None:
    fresh = RUNS[name][0]()
    before, kept = chains(fresh), keys(fresh)
    world = begun(name)
    _at(world, at, troubled(at), roll_back, BACK)
    if the_row(world).status is not Status.RUNNING:
        world.ask(roll_back, BACK, who="grace")
    assert_as_before(world, before, kept)
