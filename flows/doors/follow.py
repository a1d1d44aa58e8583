"""A run as it is followed from outside: its steps so far and how it stands."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from flows.domain.errors import EffectFailed
from flows.domain.resting import rest_after
from flows.doors.prefect_api import (
    Json,
    PrefectApi,
    Unreachable,
    flow_run,
    progress_words,
    task_runs,
)

POLL_SECONDS = 0.5
"""Longer where looks are slow: they take the control plane what the run itself needs."""
SILENCE_SECONDS = 120
"""How long the control plane may be silent, for instance while it is started anew."""

BEGIN_SECONDS = 600
"""The worker carries a limited number of runs at once; others wait for them."""

_ENDS = frozenset({"COMPLETED", "FAILED", "CANCELLED", "CRASHED"})


@dataclass(frozen=True)
class StepSeen:
    """One step: its title, how it stands (Prefect's word, lower case) and its seconds so far."""

    id: str
    title: str
    state: str
    seconds: float

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state.upper() in _ENDS


@dataclass(frozen=True)
class RunSeen:
    """One run: `state` is its type, `state_name` what people call it, `message` its sentence."""

    id: str
    name: str
    state: str
    state_name: str
    message: str
    seconds: float
    plan_only: bool = False
    progress: str = ""
    steps: tuple[StepSeen, ...] = ()

    @property
    def over(self) -> bool:
        """Whether it has ended, well or not."""
        return self.state in _ENDS

    @property
    def exit_code(self) -> int:
        """0 for success only; 2 when it was refused, so nothing was changed; else 1."""
        if self.state == "COMPLETED":
            return 0
        return 2 if self.state_name == "Refused" else 1


Show = Callable[[Sequence[RunSeen]], None]


def follow(api: PrefectApi, run_ids: Sequence[str], show: Show) -> tuple[RunSeen, ...]:
    """The runs at their end; `show` has seen them every half second, or somewhat less often.

    How long a run may take is its own affair; it must only begin, and the API must answer.
    """
    began = heard = time.monotonic()
    while True:
        asked = time.monotonic()
        seen = _look_again(api, run_ids)
        now = time.monotonic()
        if seen is not None:
            heard = now
            show(seen)
            if all(run.over for run in seen):
                return seen
            _check_begun(seen, now - began)
        elif now - heard > SILENCE_SECONDS:
            raise Unreachable(
                f"the control plane has been silent for {SILENCE_SECONDS} s; the runs may go on, "
                "`fleet status` and `fleet history` say more"
            )
        time.sleep(rest_after(now - asked, POLL_SECONDS))


def _look_again(api: PrefectApi, run_ids: Sequence[str]) -> tuple[RunSeen, ...] | None:
    """None while nothing answers, for instance because the server is started anew."""
    try:
        return tuple(look(api, run_id) for run_id in run_ids)
    except Unreachable:
        return None


def _check_begun(seen: Sequence[RunSeen], seconds: float) -> None:
    waiting = [run.name for run in seen if run.state == "SCHEDULED"]
    if waiting and seconds > BEGIN_SECONDS:
        raise EffectFailed(
            f"{', '.join(waiting)}: no worker took it within {BEGIN_SECONDS} s; it stays "
            "scheduled, `fleet status` says whether the worker runs"
        )


def look(api: PrefectApi, run_id: str) -> RunSeen:
    """The run as it stands now. Its steps are asked for last, so an ended run has all of them."""
    run = flow_run(api, run_id)
    state = run["state"] or {}
    return RunSeen(
        id=run_id,
        name=str(run["name"]),
        state=str(state.get("type", "")),
        state_name=str(state.get("name", "")),
        message=str(state.get("message") or ""),
        seconds=_seconds(run),
        plan_only=_asks_for_plan(run["parameters"].get("request")),
        progress=progress_words(api, run_id),
        steps=tuple(_step(each) for each in task_runs(api, run_id)),
    )


def _asks_for_plan(request: object) -> bool:
    value = request.get("plan_only") if isinstance(request, dict) else None
    return str(value).lower() in ("true", "1", "yes", "on", "y", "t")


def _step(run: Json) -> StepSeen:
    return StepSeen(
        id=str(run["id"]),
        title=str(run["name"]),
        state=str(run["state_type"] or "pending").lower(),
        seconds=_seconds(run),
    )


def _seconds(run: Json) -> float:
    if not run["start_time"]:
        return 0.0
    began = datetime.fromisoformat(run["start_time"])
    ended = datetime.fromisoformat(run["end_time"]) if run["end_time"] else datetime.now(UTC)
    return max(0.0, (ended - began).total_seconds())
