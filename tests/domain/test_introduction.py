"""The page that introduces a new instance."""

from __future__ import annotations

import pytest

from flows.instances.create_instance import create_instance
from tests.world.world import World


def page(**wish: object) -> str:
    """The page of an instance that was just created."""
    world = World()
    world.ask(create_instance, {"name": "demo", **wish})
    return world.stage.pages["instance"]


def test_a_secured_instance_says_how_to_log_in() -> None:
    told = page(sasl_ssl=True, sasl_plain=True, first_user="alice")
    assert "`198.18.0.11:9093,198.18.0.12:9093,198.18.0.13:9093`" in told
    assert "SASL_SSL, SCRAM-SHA-512 or PLAIN, user alice" in told
    assert "fleet credentials demo" in told
    assert told.count("| yes |") == 3


@pytest.mark.parametrize("brokers", [3, 5])
def test_an_open_instance_has_no_password_to_tell(brokers: int) -> None:
    told = page(brokers=brokers)
    assert "PLAINTEXT, open to the network" in told
    assert "credentials" not in told
    assert told.count(":9092") == brokers
    assert told.count("| no |") == brokers - 3
