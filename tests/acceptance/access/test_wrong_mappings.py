"""Addresses at which the wrong one answers: named, put back or refused, and clients go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from inventories.lab import Rule
from inventories.lab.model import DEFAULT_GROUP
from tests.acceptance.parts import Demo, Far
from tests.acceptance.plane import Plane
from tests.acceptance.under_load import (
    assert_nothing_lost,
    changed,
    load,
    spread_topic,
    started,
)
from tests.acceptance.ways import Addresses, resolving

WITHOUT_9095 = ((2181, 2181), (2888, 2888), (3888, 3888), (9000, 9094))


@pytest.fixture
def wrong_ways(
    open_ways: None, endpoints: Addresses, others: Addresses
) -> tuple[Addresses, Addresses]:
    """Endpoints that are told, and EIPs that are not."""
    return endpoints, others


@contextmanager
def in_a_group_without_9095(plane: Plane, machine: str) -> Iterator[None]:
    """An administrator has put the machine into a group of his own, which keeps 9095 closed."""
    default, own = plane.lab.security_groups()[DEFAULT_GROUP], plane.doors.provider("lab")
    group = own.group_of(machine)
    rules = [Rule(source=each.source, ports=WITHOUT_9095) for each in default]
    plane.lab.set_security_group("without-9095", rules)
    plane.lab.put_in_group(machine, "without-9095")
    try:
        yield
    finally:
        plane.lab.put_in_group(machine, group)
        plane.lab.remove_security_group("without-9095")


def test_wrong_mappings_are_named_and_put_back_while_clients_go_on(
    plane: Plane, demo: Demo, by_endpoints: Far, wrong_ways: tuple[Addresses, Addresses]
) -> None:
    (one, two, three), _ = wrong_ways
    nowhere, before = str(plane.lab.plan.endpoints[19]), started(plane, demo)
    with load(plane, by_endpoints, spread_topic(plane, demo, "misled"), "vpc") as told:
        swapped = plane.fails("set-endpoints", "instance=demo", f"addresses={two},{one},{three}")
        with resolving(plane, {"wrong.example": one}):
            lost = plane.fails(
                "set-endpoints", "instance=demo", f"addresses={one},{nowhere},wrong.example"
            )
    assert f"broker 1 at {two}:9011: broker 2 answers there" in swapped
    assert f"broker 2 at {one}:9011: broker 1 answers there" in swapped
    assert f"broker 2 at {nowhere}:9011: " in lost
    assert "broker 3 at wrong.example:9011: the certificate that is served there is not" in lost
    assert f"broker 1 at {one}" not in lost
    assert_nothing_lost(told.answer)
    assert not changed(before, started(plane, demo))
    assert all(line["good"] for line in plane.json("access", "demo")["lines"])


def test_an_administrators_group_that_keeps_9095_closed_is_named(
    plane: Plane, demo: Demo, wrong_ways: tuple[Addresses, Addresses]
) -> None:
    _, others = wrong_ways
    with in_a_group_without_9095(plane, plane.instance_machines("demo")[1].name):
        said = plane.refused("set-public-access", "instance=demo", f"eips={','.join(others)}")
    assert said == (
        f'eips "{",".join(others)}": the security group without-9095, in which somebody put the '
        "machine of broker 2, lets none of 0.0.0.0/0 through to 9095; open it there first, or put "
        f"the machine into fleet-{demo.instance.id}"
    )


def test_mappings_that_are_wrong_in_themselves_are_refused(
    plane: Plane, plain: str, open_ways: None, eips: Addresses, endpoints: Addresses
) -> None:
    one, two, three = endpoints
    neighbour = plane.instance_machines(plain)[0].address
    assert plane.refused("set-endpoints", "instance=demo", f"addresses={one},{one},{three}") == (
        f'addresses "{one}": brokers 1 and 2 cannot have the same address'
    )
    assert plane.refused(
        "set-endpoints", "instance=demo", f"addresses={neighbour},{two},{three}"
    ) == (f'addresses "{neighbour}": it belongs to the instance {plain}')
    assert plane.refused(
        "set-public-access", "instance=demo", f"eips={eips[1]},{eips[0]},{eips[2]}"
    ) == (
        f'eips "{eips[1]}": clients are told that it is broker 2, so it cannot become broker 1 '
        "while they work; bind other EIPs first"
    )
    assert plane.refused("set-dnat", "instance=demo", f"eips={','.join(eips)}") == (
        f'eips "{eips[0]}": it is broker 1\'s own for public access; an EIP of DNAT belongs to the '
        "gateway and to no broker"
    )
