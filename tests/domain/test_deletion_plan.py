"""The plan of delete-instance: confirmation, statuses, what is taken away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from flows.domain.deletion import DeleteInstance, DeletionPlan, plan_deletion
from flows.domain.instance import Instance, Status
from tests.domain.samples import blank, instance, refused, with_broker

ACCEPTED = (Status.RUNNING, Status.FAULTY, Status.CREATING, Status.CHANGE_FAILED, Status.DELETING)


def plan(whole: Instance, confirm: str = "demo") -> DeletionPlan:
    """The plan for an instance as it was seen."""
    return plan_deletion(whole, DeleteInstance.read({"instance": "demo", "confirm": confirm}))


@pytest.mark.parametrize("status", ACCEPTED)
def test_every_machine_and_the_secrets_go(status: Status) -> None:
    steps = plan(replace(instance(), status=status)).steps
    assert [(step.subject, step.words) for step in steps] == [
        ("broker 1", "remove machine k7m2p9qa-1-1 with its data"),
        ("broker 2", "remove machine k7m2p9qa-2-1 with its data"),
        ("broker 3", "remove machine k7m2p9qa-3-1 with its data"),
        ("instance", "forget its secrets and certificates"),
    ]


def test_a_broker_without_a_machine_has_none_to_remove() -> None:
    steps = plan(with_broker(instance(), 2, machine=None)).steps
    assert [step.subject for step in steps] == ["broker 1", "broker 3", "instance"]


def test_a_deleted_instance_leaves_nothing_to_do_whatever_is_confirmed() -> None:
    assert plan(replace(instance(), status=Status.DELETED), confirm="").empty


@pytest.mark.parametrize("confirm", ["", "Demo", "k7m2p9qa", "demo "])
def test_only_the_name_confirms(confirm: str) -> None:
    assert refused(lambda: plan(instance(), confirm)) == (
        f'confirm "{confirm}": the name of the instance, "demo"'
    )


@pytest.mark.parametrize("status", [Status.RESTARTING, Status.CHANGING])
def test_nothing_is_deleted_while_it_is_changed(status: Status) -> None:
    assert refused(lambda: plan(replace(instance(), status=status))) == (
        f'instance "demo ({status})": accepted: Running, Faulty, Creating, Change failed, Deleting'
    )


def test_every_status_is_either_accepted_or_refused_or_done() -> None:
    others = {Status.RESTARTING, Status.CHANGING, Status.DELETED}
    assert set(Status) == set(ACCEPTED) | others


def test_an_approval_is_for_one_instance_even_when_no_machine_is_left() -> None:
    bare = replace(blank(), status=Status.CREATING)
    assert plan(bare).digest != plan(replace(bare, id="other123")).digest
