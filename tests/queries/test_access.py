"""What `fleet access` shows people: every port of the hosts, and to whom it is open."""

from __future__ import annotations

from collections.abc import Mapping
from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from flows.access.set_dnat import set_dnat
from flows.access.set_public_access import set_public_access
from flows.access.set_security_group import set_security_group
from flows.domain.firewall import openings
from flows.queries.access import access
from flows.queries.render_access import access_table
from flows.steps.observation import remembered
from tests.flows.worlds import DEMO, PLAIN, created, the_row
from tests.world.world import World

EIPS = [f"203.0.113.{each}" for each in range(1, 7)]
MEMBERS, PRODUCT, LAN = "198.18.0.11, 198.18.0.12, 198.18.0.13", "198.18.0.2", "198.18.0.0/24"


def ports_of(page: str) -> dict[str, str]:
    """Port -> the rest of its line in the second table, words apart by one space."""
    rows = [" ".join(line.split()) for line in page.splitlines()]
    table = rows[rows.index("port what open to") + 1 :]
    return {row.partition(" ")[0]: row.partition(" ")[2] for row in table if row}


def shown(world: World) -> dict[str, str]:
    console = Console(width=220, file=StringIO(), record=True)
    console.print(access_table(access(world.doors(), "demo")))
    return ports_of(console.export_text())


@pytest.mark.parametrize(("wish", "client"), [(PLAIN, "9092"), (DEMO, "9093")])
def test_every_port_is_shown_with_whom_it_is_open_to(wish: Mapping[str, Any], client: str) -> None:
    assert shown(created(wish)) == {
        "9090": f"INTERNAL {MEMBERS}",
        "9091": f"CONTROL {PRODUCT}",
        client: f"PRIVATE {LAN}, {PRODUCT}",
        "9011": "CROSS nobody",
        "2181": f"ZooKeeper {MEMBERS}, {PRODUCT}",
        "2888": f"ZooKeeper peers {MEMBERS}",
        "3888": f"ZooKeeper election {MEMBERS}",
    }


def test_it_follows_what_is_opened() -> None:
    world = created(DEMO)
    world.ask(
        set_public_access, {"instance": "demo", "eips": "203.0.113.1,203.0.113.2,203.0.113.3"}
    )
    dnat = {"instance": "demo", "eips": "203.0.113.11,203.0.113.12,203.0.113.13"}
    world.ask(set_dnat, dnat)
    assert shown(world)["9095"] == "PUBLIC anyone"
    assert shown(world)["9011"] == "CROSS anyone"
    world.ask(set_security_group, {"instance": "demo", "public": "192.0.2.0/24"})
    assert shown(world)["9095"] == f"PUBLIC 192.0.2.0/24, {PRODUCT}"


def test_it_is_what_the_firewalls_are_made_of() -> None:
    world = created(DEMO)
    rules = openings(remembered(world.doors(), the_row(world)))
    view = access(world.doors(), "demo")
    assert [(each["port"], each["open_to"]) for each in view["ports"]] == [
        (each.port, list(each.sources)) for each in rules
    ]
