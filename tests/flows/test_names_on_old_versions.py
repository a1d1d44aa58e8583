"""More names in a certificate, on releases that take them in the file in use only."""

from __future__ import annotations

import pytest

from certs.facts import describe
from flows.access.set_endpoints import set_endpoints
from flows.domain.versions import VersionName
from tests.flows.test_rewire import FIRST, SECOND, endpoints, with_ways
from tests.flows.worlds import DEMO, created


@pytest.mark.parametrize("version", list(VersionName))
def test_names_are_added_while_brokers_run(version: VersionName) -> None:
    world = with_ways(created({**DEMO, "version": version}))
    world.ask(set_endpoints, endpoints(*FIRST))
    world.ask(set_endpoints, endpoints(*SECOND))
    for host, name in zip(world.provider.hosts.values(), SECOND, strict=True):
        facts = describe(world.tls.chain(host, "cross")[0])
        assert name in facts.dns_names
        assert host.kafka_starts == 1
