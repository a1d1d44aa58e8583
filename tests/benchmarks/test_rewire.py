"""The page of the rewire benchmark: times until the proof, gaps beside the load's own, goals."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.creating.machine import describe
from benchmarks.creating.spans import Span
from benchmarks.restarting.pages import ended, keep
from benchmarks.restarting.turns import Turn
from benchmarks.rewire import BACK, CALM, DNAT, ENDPOINTS, ROLL, Result, Rewired, _goals, markdown
from flows.domain.errors import EffectFailed

STEPS = (
    Span("broker 1: tell clients 198.19.128.11:9011", 0.0, 0.5),
    Span("broker 2: tell clients 198.19.128.12:9011", 0.5, 1.5),
    Span("ask every new address from the network endpoint", 1.5, 2.0),
)


def rewired(took: float, gap: float, restarts: int = 0) -> Rewired:
    return Rewired(Turn(took, gap, 100, 0, 0, restarts), took + 1.0, STEPS)


def result(took: float = 4.0, gap: float = 0.15) -> Result:
    live = (rewired(took, gap),)
    arms: dict[str, tuple[Rewired, ...]] = {
        CALM: (rewired(20.0, 0.1),),
        ENDPOINTS: live,
        DNAT: live,
        BACK: live,
        ROLL: (rewired(60.0, 0.9, restarts=3),),
    }
    return Result("2026-01-01", describe(), arms, _goals(arms))


def test_goals_judge_live_changes_beside_the_load_alone() -> None:
    assert [goal.verdict for goal in result().goals] == ["met"] * 5
    assert [goal.verdict for goal in result(5.1, 0.16).goals[:2]] == ["NOT MET"] * 2


def test_the_page_says_where_the_time_went() -> None:
    page = markdown(result())
    assert "| nothing happens | 1 |  |  | 0.10, 0.10 | 0 | 100 | 0 | 0 |" in page
    assert "| other endpoints | 1 | 4.0, 4.0 | 5.0 | 0.15, 0.15 | 0 | 100 | 0 | 0 |" in page
    assert "| a roll with other endpoints | 1 | 60.0, 60.0 |  | 0.90, 0.90 | 3 |" in page
    assert "| tell clients the new address | 1.50 | 1.50 | 1.50 |" in page
    assert "| ask every new address | 0.50 | 0.50 | 0.50 |" in page


def test_a_result_lies_there_as_page_and_as_data(tmp_path: Path) -> None:
    keep(result(), "# a page\n", tmp_path / "new" / "rewire-2026-01-01")
    assert (tmp_path / "new/rewire-2026-01-01.md").read_text() == "# a page\n"
    data = json.loads((tmp_path / "new/rewire-2026-01-01.json").read_text())
    assert data["arms"][CALM][0]["turn"]["took"] == 20.0


@pytest.fixture
def kept_signals() -> Iterator[None]:
    """Whoever ends the tests is heard as before."""
    before = signal.getsignal(signal.SIGTERM)
    yield
    signal.signal(signal.SIGTERM, before)


def test_what_ends_a_benchmark_is_one_sentence(
    capsys: pytest.CaptureFixture[str], kept_signals: None
) -> None:
    def fails() -> None:
        raise EffectFailed("broker 1 does not run")

    assert ended(fails) == 1
    assert capsys.readouterr().err == "broker 1 does not run\n"
    assert ended(lambda: None) == 0
