"""What every plan has: it can be empty, be hashed, and be read."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from flows.domain.plan import Plan, PlannedStep
from tests.domain.samples import OFTEN

TEXT = st.text(st.characters(codec="utf-8"), max_size=8)
STEPS = st.lists(st.builds(PlannedStep, TEXT, TEXT, TEXT), max_size=6)


@OFTEN
@given(steps=STEPS, chance=st.randoms(), title=TEXT, other=TEXT)
def test_the_hash_is_over_what_each_part_gets_and_nothing_else(
    steps: list[PlannedStep], chance: Random, title: str, other: str
) -> None:
    shuffled = list(steps)
    chance.shuffle(shuffled)
    reworded = tuple(PlannedStep(s.subject, s.words + other, s.fingerprint) for s in shuffled)
    assert Plan(title, tuple(steps)).digest == Plan(other, reworded, (other,)).digest


@OFTEN
@given(steps=STEPS, more=st.builds(PlannedStep, TEXT, TEXT, TEXT))
def test_a_step_more_is_another_plan(steps: list[PlannedStep], more: PlannedStep) -> None:
    assert Plan("", tuple(steps)).digest != Plan("", (*steps, more)).digest


@OFTEN
@given(steps=STEPS.filter(bool), change=st.text(min_size=1, max_size=3))
def test_another_fingerprint_is_another_plan(steps: list[PlannedStep], change: str) -> None:
    first, *rest = steps
    changed = PlannedStep(first.subject, first.words, first.fingerprint + change)
    assert Plan("", tuple(steps)).digest != Plan("", (changed, *rest)).digest


def test_a_hash_can_be_typed() -> None:
    digest = Plan("Create").digest
    assert len(digest) == 12
    assert set(digest) <= set("0123456789abcdef")


def test_an_empty_plan_says_that_nothing_is_left_to_do() -> None:
    plan = Plan("Create instance demo")
    assert plan.empty
    assert plan.page() == "# Create instance demo\n\nNothing to do: everything is as asked.\n"


def test_a_plan_reads_as_a_table_with_its_warnings_and_its_hash() -> None:
    plan = Plan("Create instance demo", (PlannedStep("broker 1", "start", "x"),), ("careful",))
    assert not plan.empty
    assert plan.page() == (
        "# Create instance demo\n\n"
        "| what | will be done |\n|---|---|\n| broker 1 | start |\n\n"
        f"- careful\n\nPlan hash: `{plan.digest}`\n"
    )


def test_a_plan_without_warnings_has_no_empty_list() -> None:
    page = Plan("Create", (PlannedStep("broker 1", "start", "x"),)).page()
    assert "\n\n\n" not in page
    assert "- " not in page
