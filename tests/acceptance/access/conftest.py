"""The ways of the secured instance, open over all files of this directory, and closed after them.

So they are a package of their own: what is package-scoped here is torn down before the story goes
on with the next file outside, to which no way may be left open.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.parts import Demo, Far
from tests.acceptance.plane import Plane
from tests.acceptance.under_load import (
    assert_nothing_lost,
    changed,
    load,
    spread_topic,
    started,
)
from tests.acceptance.ways import Addresses, at, endpoint_addresses, lab_eips


@pytest.fixture(scope="package")
def eips(plane: Plane) -> Addresses:
    """One for each broker."""
    return lab_eips(plane, 111, 112, 113)


@pytest.fixture(scope="package")
def others(plane: Plane) -> Addresses:
    """Others, one for each broker."""
    return lab_eips(plane, 114, 115, 116)


@pytest.fixture(scope="package")
def endpoints(plane: Plane, demo: Demo) -> Iterator[Addresses]:
    """Endpoint addresses that lead to the brokers, in their order."""
    with endpoint_addresses(plane, "demo", (11, 12, 13)) as addresses:
        yield addresses


@pytest.fixture(scope="package")
def by_9011(plane: Plane, demo: Demo, endpoints: Addresses) -> Iterator[None]:
    """Clients come by endpoints, told under load; afterwards nobody does, without a restart."""
    before = started(plane, demo)
    try:
        with load(plane, demo, spread_topic(plane, demo, "while-opened")) as told:
            plane.ask("set-endpoints", "instance=demo", f"addresses={','.join(endpoints)}")
        assert_nothing_lost(told.answer)
        yield
    finally:
        with load(plane, demo, spread_topic(plane, demo, "while-closed")) as told:
            plane.ask("set-endpoints", "instance=demo", "addresses=none", "keep_old=0")
    assert_nothing_lost(told.answer)
    assert not changed(before, started(plane, demo))


@pytest.fixture(scope="package")
def open_ways(plane: Plane, by_9011: None, eips: Addresses) -> Iterator[None]:
    """Clients come by EIPs as well; afterwards they do not."""
    try:
        plane.ask("set-public-access", "instance=demo", f"eips={','.join(eips)}")
        yield
    finally:
        plane.ask("set-public-access", "instance=demo", "eips=none")


@pytest.fixture(scope="package")
def by_endpoints(demo: Demo, endpoints: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Far:
    """A client that comes by 9011."""
    return Far(demo.plane, tmp_path_factory.mktemp("far"), demo.name, at(endpoints, 9011))


@pytest.fixture(scope="package")
def by_eips(demo: Demo, eips: Addresses, tmp_path_factory: pytest.TempPathFactory) -> Far:
    """A client that comes by EIPs."""
    return Far(demo.plane, tmp_path_factory.mktemp("farther"), demo.name, at(eips, 9095))
