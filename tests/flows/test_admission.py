"""Which operation may begin on an instance, and which may go on with one that was cut off."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest
from pydantic import Field

from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance, Status
from flows.domain.operations import OperationStatus
from flows.domain.plan import Plan, PlannedStep
from flows.domain.request import InstanceRequest
from flows.procedures.changing import change_life
from flows.procedures.operation import operation
from flows.procedures.remembering import TraceNames
from flows.steps.site import Site
from flows.steps.wishes import remember_wish
from tests.flows.worlds import created, refused, the_row
from tests.world.effects import Killed, Trouble
from tests.world.world import World

TRACES = TraceNames("accepted", "refused", "done", "failed")


class Describe(InstanceRequest):
    """A change that is as small as a change can be."""

    description: str = Field(title="Description")


@dataclass(frozen=True)
class DescribePlan(Plan):
    """The new description."""

    instance: Instance = field(kw_only=True)
    description: str = field(kw_only=True)


def plan_description(instance: Instance, request: Describe) -> DescribePlan:
    step = PlannedStep("instance", "describe", request.description)
    steps = () if instance.wish.description == request.description else (step,)
    return DescribePlan("Describe", steps, instance=instance, description=request.description)


@operation(Describe, plan=plan_description, run_name="describe {instance}",
           life=change_life(TRACES))  # fmt: skip
def describe(site: Site, plan: DescribePlan) -> None:
    """Describe an instance."""
    change = {"description": plan.description}
    remember_wish(site, plan.instance.wish.model_copy(update=change))


@operation(Describe, plan=plan_description, run_name="doodle on {instance}",
           life=change_life(TRACES))  # fmt: skip
def doodle(site: Site, plan: DescribePlan) -> None:
    """Something else."""
    describe.procedure(site, plan)


WISH = {"instance": "demo", "description": "search logs"}


def cut_off(at_effect: str, trouble: Trouble = Trouble.KILLED_BEFORE) -> World:
    """A world in which a description was cut off at that effect."""
    rehearsal = created()
    rehearsal.ask(describe, WISH)
    world = created()
    world.effects.trouble_at = rehearsal.effects.log.index(at_effect)
    world.effects.trouble = trouble
    with pytest.raises((Killed, EffectFailed)):
        world.ask(describe, WISH)
    world.effects.heal()
    return world


def test_a_change_makes_a_revision_and_ends_at_rest() -> None:
    world = created()
    assert world.ask(describe, WISH).changed
    row = the_row(world)
    assert (row.status, row.revision, row.wish.description) == (Status.RUNNING, 2, "search logs")
    assert not world.ask(describe, WISH).changed
    assert the_row(world).revision == 2


def test_the_same_wish_goes_on_whoever_asks() -> None:
    world = cut_off("FakeRecords.revise")
    assert the_row(world).status is Status.CHANGING
    assert world.ask(describe, WISH, who="grace").changed
    assert the_row(world).status is Status.RUNNING


def test_what_was_cut_off_after_its_last_effect_is_closed() -> None:
    world = cut_off("FakeRecords.revise", Trouble.KILLED_AFTER)
    outcome = world.ask(describe, WISH)
    assert not outcome.changed
    assert the_row(world).status is Status.RUNNING
    assert world.records.history("demo")[0].status is OperationStatus.SUCCESSFUL


@pytest.mark.parametrize("swept", [False, True])
def test_another_wish_is_refused_while_one_is_unfinished(swept: bool) -> None:
    world = cut_off("FakeRecords.revise")
    if swept:
        world.sweep()
    status = "Change failed" if swept else "Changing"
    said = (
        f'instance "demo": it is {status}; describe, asked for by ada, was cut off, and must be '
        "finished first (ask for the same again) or rolled back"
    )
    assert refused(world, describe, {**WISH, "description": "other"}) == said
    assert refused(world, doodle, WISH) == said
    assert world.ask(describe, WISH).changed
    assert world.ask(doodle, {**WISH, "description": "other"}).changed


def test_a_failure_says_why_and_the_same_wish_goes_on() -> None:
    world = cut_off("FakeRecords.revise", Trouble.FAILS)
    row = the_row(world)
    assert (row.status, row.reason) == (Status.CHANGE_FAILED, "FakeRecords.revise failed")
    assert world.ask(describe, WISH).changed
    assert the_row(world).status is Status.RUNNING


def test_an_instance_that_is_not_at_rest_is_not_changed() -> None:
    world = created()
    world.records.set_status(the_row(world).id, Status.FAULTY, "broker 2 does not answer")
    said = refused(world, describe, WISH)
    assert said == 'instance "demo (Faulty)": accepted is Running'


def test_an_unknown_instance_is_refused_by_name() -> None:
    said = refused(created(), describe, {**WISH, "instance": "nobody"})
    assert said == 'instance "nobody": there is no such instance; living are demo'
