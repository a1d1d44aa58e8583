"""What the benchmark of creating an instance computes, and what it must never hide."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.creating.family import family
from benchmarks.creating.machine import describe
from benchmarks.creating.phases import BETWEEN, BOOT, MACHINES, PHASES, TAKEN, names, rows, total
from benchmarks.creating.product import Memory
from benchmarks.creating.report import Goal, Result, Side, markdown, write
from benchmarks.creating.spans import (
    NOTHING,
    Cost,
    Sample,
    Span,
    Stopwatch,
    at,
    cost,
    costs_of,
    with_gaps,
)
from flows.domain.instance import ENSEMBLE
from tests.world.world import World

SAMPLES = (Sample(10, 100, 40, 5), Sample(12, 104, 41, 6), Sample(14, 104, 41, 8))


def test_what_was_used_between_two_samples_is_in_proportion_to_time() -> None:
    assert at(SAMPLES, 11) == Sample(11, 102, 40.5, 5.5)
    assert cost(Span("x", 11, 13), SAMPLES) == Cost(2, 2, 0.5, 1.5)


def test_nothing_is_known_of_what_lies_outside_the_samples() -> None:
    assert cost(Span("x", 5, 10), SAMPLES) == Cost(5, 0, 0, 0)
    assert cost(Span("x", 14, 20), SAMPLES) == Cost(6, 0, 0, 0)


@given(st.lists(st.tuples(st.floats(0, 5), st.floats(0, 5)), min_size=1, max_size=6))
def test_steps_and_gaps_together_are_all_the_time(pairs: list[tuple[float, float]]) -> None:
    steps, moment = [], 0.0
    for number, (gap, seconds) in enumerate(pairs):
        steps.append(Span(str(number), moment + gap, moment + gap + seconds))
        moment += gap + seconds
    found = with_gaps(0.0, steps, "first", "others")
    assert sum(span.seconds for span in found) == pytest.approx(moment)
    assert found[0].name == "first"
    assert {span.name for span in found[2::2]} <= {"others"}


def test_between_steps_at_the_same_time_is_nothing() -> None:
    steps = (Span("gateway", 1.0, 5.0), Span("brokers", 1.5, 2.0), Span("tell", 6.0, 7.0))
    found = with_gaps(0.0, steps, "first", "others")
    assert [(each.began, each.ended) for each in found if each.name == "others"] == [
        (5.0, 5.0),
        (5.0, 6.0),
    ]


def test_spans_of_one_name_are_added() -> None:
    spans = [Span("a", 0, 1), Span("b", 1, 3), Span("a", 3, 7)]
    assert costs_of(spans, ()) == {"a": Cost(5), "b": Cost(2)}


def test_a_step_that_no_phase_names_is_shown_and_counted() -> None:
    costs = {TAKEN: Cost(1), "a new step": Cost(2)}
    (row,) = [row for row in rows([{}], [costs]) if row.phase.title == "a new step"]
    assert row.ours == Cost(2)
    assert total(costs) == Cost(3)


def test_rows_hold_everything_that_was_measured() -> None:
    costs = {name: Cost(1) for phase in PHASES for name in phase.ours}
    floor = {name: Cost(1) for phase in PHASES for name in phase.floor}
    found = rows([floor], [costs])
    assert sum((row.ours for row in found), NOTHING) == total(costs)
    assert sum((row.floor for row in found), NOTHING) == total(floor)


def test_machines_can_be_left_out_on_both_sides() -> None:
    assert total({BOOT: Cost(3), BETWEEN: Cost(1)}, without=names(MACHINES)) == Cost(1)
    assert total({"make machines": Cost(3)}, without=names(MACHINES)) == NOTHING


def test_every_step_of_a_creation_belongs_to_a_phase() -> None:
    from flows.instances.create_instance import create_instance  # noqa: PLC0415

    world = World()
    world.ask(create_instance, {"name": "bench", "sasl_ssl": "true", "first_user": "bench"})
    known = {name for phase in PHASES for name in phase.ours}
    assert [title for title in world.stage.titles if title not in known] == [
        "look at the new instance"
    ]
    assert [row.wish.brokers for row in world.records.living()] == [ENSEMBLE]


def test_a_span_that_failed_is_not_noted() -> None:
    watch = Stopwatch()
    with pytest.raises(ValueError, match="broken"), watch.timing("a"):
        raise ValueError("broken")
    with watch.timing("b"):
        pass
    assert [span.name for span in watch.spans] == ["b"]


def test_a_family_holds_the_process_itself_and_nobody_twice() -> None:
    found = family(os.getpid())
    assert found[0] == os.getpid()
    assert len(found) == len(set(found))


def test_a_missed_goal_is_shown_on_paper_and_in_json(tmp_path: Path) -> None:
    result = _result(Goal("deletion", 12, 10, "s"), Goal("list", 0.5, 0.5, "s"))
    page, data = write(result, tmp_path)
    assert "| deletion |     12 s |    10 s | NOT MET |" in page.read_text()
    assert [goal["verdict"] for goal in json.loads(data.read_text())["goals"]] == ["NOT MET", "met"]


def test_ratios_say_what_they_compare() -> None:
    page = markdown(_result())
    assert "**3.0 times the floor**" in page
    assert "24.0 s against 12.0 s: 2.0 times." in page


def test_numbers_of_a_busy_machine_are_marked() -> None:
    result = _result()
    busy = replace(result, machine=replace(result.machine, load=(3.0, 1.0, 1.0)))
    quiet = replace(result, machine=replace(result.machine, load=(0.1, 1.0, 1.0)))
    assert "not a result to keep" in markdown(busy)
    assert "not a result to keep" not in markdown(quiet)


def _result(*goals: Goal) -> Result:
    return Result(
        date="2026-01-31",
        repetitions=1,
        machine=describe(),
        rows=rows([{BOOT: Cost(4)}], [{TAKEN: Cost(2)}]),
        floor=Side(Cost(12), Cost(8)),
        ours=Side(Cost(24), Cost(20)),
        said=("first acknowledged after 0.4 s",),
        sweeps=(1,),
        deletion=(("remove machines", 2.0),),
        memory=Memory(300, 250, 3),
        goals=goals,
    )
