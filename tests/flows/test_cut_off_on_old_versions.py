"""Certificates and addresses on 1.1.0 and 2.3.0, killed at every effect.

These take other names in the file in use only; what is different from 2.7.2 is cut off here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest

from certs.facts import describe
from flows.access.set_endpoints import set_endpoints
from flows.access.set_public_access import set_public_access
from flows.certificates.replace_certificates import replace_certificates
from flows.domain.instance import Status
from flows.domain.versions import VersionName
from flows.procedures.operation import Operation
from tests.flows.test_replace_certificates import AUTHORITY, assert_at_rest, issuers
from tests.flows.test_rewire import EIPS, FIRST, OTHERS, SECOND, endpoints, public, with_ways
from tests.flows.worlds import DEMO, created, cut_off, effects_of, scene, the_row
from tests.world.effects import Trouble
from tests.world.world import World

OLD = (VersionName.V1_1, VersionName.V2_3)


@dataclass(frozen=True)
class Case:
    """What is asked, and the new names that each broker serves at a listener afterwards."""

    operation: Operation[Any, Any]
    wish: Mapping[str, Any]
    listener: str
    names: tuple[str, ...]


CASES = {
    "other endpoints": Case(set_endpoints, endpoints(*SECOND), "cross", SECOND),
    "other EIPs": Case(set_public_access, public(*OTHERS), "public", OTHERS),
    "authority": Case(replace_certificates, AUTHORITY, "public", EIPS),
}


@scene
def reached(version: VersionName) -> World:
    """Clients come by endpoints and by EIPs."""
    world = with_ways(created({**DEMO, "version": version}))
    world.ask(set_endpoints, endpoints(*FIRST))
    world.ask(set_public_access, public(*EIPS))
    world.effects.log.clear()
    return world


def names(world: World, listener: str) -> list[frozenset[str]]:
    """What each broker's certificate is for."""
    served = [
        describe(world.tls.chain(host, listener)[0]) for host in world.provider.hosts.values()
    ]
    return [frozenset((*each.ip_addresses, *each.dns_names)) for each in served]


@pytest.mark.parametrize("version", OLD)
@pytest.mark.parametrize("name", CASES)
def test_killed_anywhere_the_next_run_finishes(name: str, version: VersionName) -> None:
    case = CASES[name]
    whole = reached(version)
    before = the_row(whole).wish
    for at in range(effects_of(whole, case.operation, case.wish)):
        world = reached(version)
        world.effects.trouble_at, world.effects.trouble = at, Trouble.KILLED_AFTER
        cut_off(world, case.operation, case.wish)
        if the_row(world).status is not Status.RUNNING or the_row(world).wish == before:
            world.ask(case.operation, case.wish, who="grace")
        where = f"{whole.effects.log[at]} ({at})"
        assert names(world, case.listener) == names(whole, case.listener), where
        for served, wished in zip(names(world, case.listener), case.names, strict=True):
            assert wished in served, where
        assert issuers(world) == issuers(whole), where
        assert_at_rest(world)
