"""Users come, get another password and go while all brokers run on; clients see it at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.acceptance.parts import PASSWORD, Demo, client, in_namespace
from tests.acceptance.plane import Plane, wait_until

CAROL = "Words-Of-Her-Own-7"
MECHANISMS = ["SCRAM-SHA-512", "PLAIN"]


@pytest.fixture(scope="module")
def lan(plane: Plane, demo: Demo) -> str:
    """A client's place in the network of the instance."""
    return plane.lab.client("lan").netns


@pytest.fixture(scope="module", autouse=True)
def nobody_restarts(plane: Plane, demo: Demo) -> Iterator[None]:
    """Every broker's process is the same before and after all that happens here."""
    before = _starts(plane, demo)
    assert None not in before
    yield
    assert _starts(plane, demo) == before


def test_a_new_user_is_let_in_by_every_broker_and_mechanism(
    plane: Plane, demo: Demo, lan: str, scratch: Path
) -> None:
    given = scratch / "password"
    given.write_text(f"{CAROL}\n")
    plane.succeeds("run", "create-user", "instance=demo", "user=carol", f"password=@{given}")
    assert [line["user"] for line in plane.json("users", "demo")] == ["alice", "carol"]
    assert plane.json("credentials", "demo", "--user", "carol")["password"] == CAROL
    assert _logins(demo, lan, "carol", CAROL) == {"ok"}
    assert _logins(demo, lan, "carol", PASSWORD) == {"refused"}


def test_a_reset_ends_the_old_password_and_the_connections_made_with_it(
    plane: Plane, demo: Demo, lan: str
) -> None:
    carol = demo.settings("carol", CAROL)
    with ThreadPoolExecutor() as pool:
        connected = pool.submit(client, lan, limit=500, verb="go_on", settings=carol, seconds=400)
        wait_until(lambda: _is_connected(lan), "the client is connected")
        plane.ask("reset-password", "instance=demo", "user=carol", "drop_connections=true")
        assert connected.result() == "refused"
    made = plane.json("credentials", "demo", "--user", "carol")["password"]
    assert made != CAROL
    assert _logins(demo, lan, "carol", made) == {"ok"}
    assert _logins(demo, lan, "carol", CAROL) == {"refused"}
    assert _logins(demo, lan, "alice", PASSWORD) == {"ok"}


def test_a_deleted_user_is_let_in_by_nobody(plane: Plane, demo: Demo, lan: str) -> None:
    made = plane.json("credentials", "demo", "--user", "carol")["password"]
    plane.ask("delete-user", "instance=demo", "user=carol")
    assert _logins(demo, lan, "carol", made) == {"refused"}
    assert [line["user"] for line in plane.json("users", "demo")] == ["alice"]
    again = plane.ask("delete-user", "instance=demo", "user=carol")
    assert "nothing to do" in again
    first = plane.refused("delete-user", "instance=demo", "user=alice")
    assert "it is the first user" in first


def test_disk_usage_counts_every_replica(plane: Plane, demo: Demo) -> None:
    answer = plane.json("disk", "demo", "--internal", "--top", "100")
    assert [each["broker"] for each in answer["brokers"]] == [1, 2, 3]
    assert all(0 < each["used_percent"] < 100 for each in answer["brokers"])
    assert answer["silent_brokers"] == []
    probe = next(each for each in answer["topics"] if each["topic"] == "__fleet_probe")
    assert (probe["partitions"], probe["replicas"]) == (3, 9)
    assert probe["bytes"] > 0
    assert not [
        each for each in plane.json("disk", "demo")["topics"] if each["topic"].startswith("__")
    ]


def _logins(demo: Demo, lan: str, user: str, password: str) -> set[str]:
    """The answers of all three brokers, by both mechanisms."""
    settings = demo.settings(user, password)
    found = client(lan, verb="log_in_everywhere", settings=settings, mechanisms=MECHANISMS)
    assert len(found) == 6
    return set(found.values())


def _starts(plane: Plane, demo: Demo) -> list[float | None]:
    hosts = plane.doors.hosts(demo.instance.id)
    states = [hosts.observe(machine) for machine in plane.instance_machines("demo")]
    return [state.kafka_started if state else None for state in states]


def _is_connected(lan: str) -> bool:
    """Whether a client there has logged in: TLS and the login are more than 2000 bytes."""
    told = in_namespace(lan, "ss", "-Htni", "state", "established", "dport", "=", ":9093").stdout
    return any(int(count) > 2000 for count in re.findall(r"bytes_received:(\d+)", told))
