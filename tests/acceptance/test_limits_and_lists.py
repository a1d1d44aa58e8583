"""Limits of the service, narrowed lists, failed creations, protection, and another name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from flows.adapters.stage import PlainStage
from flows.domain.errors import EffectFailed, Refused
from flows.domain.operations import Caller, Door
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from flows.instances.modify_instance import modify_instance
from flows.procedures.conduct import conduct
from flows.procedures.operation import Operation, Outcome
from tests.acceptance.parts import Demo
from tests.acceptance.plane import Plane
from tests.flows.worlds import Interlude


def ask(
    plane: Plane,
    operation: Operation[Any, Any],
    wish: Mapping[str, Any],
    stage: PlainStage | None = None,
) -> Outcome:
    """The operation, through the door of Python, which starts no process."""
    doors = plane.doors
    caller = Caller("a test", Door.PYTHON, doors.processes.here("test", "none"))
    return conduct(operation, doors, wish, caller, stage or PlainStage())


def names(plane: Plane, *filters: str) -> set[str]:
    """What `fleet ls` lists."""
    return {line["name"] for line in plane.json("ls", *filters)}


@contextmanager
def instances_limited(plane: Plane, total: int) -> Iterator[None]:
    """The service may have so many instances, by its settings, for a while."""
    path = plane.settings.home / "settings.toml"
    before = path.read_text()
    kept = [line for line in before.splitlines() if not line.startswith("quota_instances")]
    path.write_text("\n".join([*kept, f"quota_instances = {total}", ""]))
    try:
        yield
    finally:
        path.write_text(before)


def test_a_creation_beyond_the_quota_is_refused_with_the_numbers(
    plane: Plane, demo: Demo, plain: str
) -> None:
    there = len(plane.json("ls"))
    with instances_limited(plane, there):
        (shown, *_) = plane.json("quotas")
        refused = plane.fleet("run", "create-instance", "name=surplus")
    assert (shown["used"], shown["total"], shown["free"]) == (there, there, 0)
    assert refused.returncode == 2
    assert refused.stderr.strip() == (
        f"quota_instances: {there} of {there} are used and 1 more asked for; at most 0 more are "
        "accepted (see `fleet quotas`)"
    )
    assert names(plane, "--name", "surplus") == set()


def test_the_list_is_narrowed(plane: Plane, demo: Demo, plain: str) -> None:
    address = demo.instance.brokers[1].address
    assert names(plane, "--tag", "team=search") == {"demo"}
    assert names(plane, "--address", f"{address}:9093", "--status", "running") == {"demo"}
    assert names(plane, "--name", "plai") == {"plain"}
    assert names(plane, "--id", demo.instance.id[:6]) == {"demo"}
    refused = plane.fleet("ls", "--status", "well")
    assert refused.returncode == 2
    assert refused.stderr.startswith('status "well": accepted are Creating, Running, ')


def test_a_failed_creation_is_listed_and_cleared(plane: Plane, demo: Demo) -> None:
    def the_line_is_cut() -> None:
        raise EffectFailed("ssh: the line was cut")

    stage = Interlude("look at the instance and its provider", the_line_is_cut)
    with pytest.raises(EffectFailed) as failed:
        ask(plane, create_instance, {"name": "doomed"}, stage)
    (line,) = [each for each in plane.json("failed-creations") if each["instance"] == "doomed"]
    assert (line["reason"], line["asked_by"]) == (str(failed.value), "a test")

    told = plane.json("run", "clear-failed-creations", "names=doomed")
    assert told["result"]["cleared"] == ["doomed"]
    assert "doomed" not in plane.succeeds("failed-creations")
    assert plane.json("history", "--status", "failed", "--since", "1m") == []
    trace = plane.doors.records.traces("service")[-1]
    assert (trace.name, trace.door) == ("deleteDMSCreateFailureInstancesSuccess", "cli")


def test_a_name_changes_and_all_that_was_made_for_it_still_works(
    plane: Plane, plain: str, scratch: Path
) -> None:
    before = plane.json("show", plain)
    wish = ("instance=plain", "name=renamed", "delete_protection=on", "description=for a while")
    assert "done" in plane.succeeds("run", "modify-instance", *wish)
    try:
        after = plane.json("show", "renamed")
        assert (after["id"], after["status"]) == (before["id"], "Running")
        assert after["bootstrap"] == before["bootstrap"]
        assert after["parameters"]["description"] == "for a while"
        operations = [line["operation"] for line in plane.json("history", "renamed")]
        assert operations[0] == "modify-instance"
        assert "create-instance" in operations
        plane.succeeds("bundle", "renamed", "-o", str(scratch))
        assert not ask(plane, modify_instance, dict(part.split("=", 1) for part in wish)).changed
        with pytest.raises(Refused) as protected:
            ask(plane, delete_instance, {"instance": "renamed", "confirm": "renamed"})
        assert str(protected.value) == (
            'instance "renamed": it is protected against deletion; lift that with modify-instance '
            "instance=renamed delete_protection=off"
        )
    finally:
        back = {"name": plain, "delete_protection": "off", "clear": "description"}
        ask(plane, modify_instance, {"instance": before["id"], **back})
    after = plane.json("show", plain)
    kept = ("name", "id", "status", "parameters", "bootstrap")
    assert {key: after[key] for key in kept} == {key: before[key] for key in kept}
