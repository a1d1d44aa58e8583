"""Work that a run does at once: each part has its steps among the task runs, and its error."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator

import pytest
from prefect import flow
from prefect.context import FlowRunContext
from prefect.settings import (
    PREFECT_API_AUTH_STRING,
    PREFECT_API_URL,
    PREFECT_LOGGING_TO_API_ENABLED,
    temporary_settings,
)

from flows.domain.errors import EffectFailed
from flows.doors.controlplane.home import login
from flows.doors.controlplane.progress import StepLines
from flows.doors.controlplane.up import up
from flows.doors.prefect_api import task_runs
from flows.doors.stage import PrefectStage
from tests.adapters.contracts import until
from tests.doors.conftest import ControlPlane

SECONDS = 30.0


@pytest.fixture
def plane(control_plane: ControlPlane) -> Iterator[ControlPlane]:
    """Flows of this process are watched by that control plane; another test may have ended it."""
    up(control_plane.settings, StepLines(io.StringIO()), with_lab=False)
    here = {
        PREFECT_API_URL: control_plane.settings.prefect_api,
        PREFECT_API_AUTH_STRING: login(control_plane.settings),
        PREFECT_LOGGING_TO_API_ENABLED: False,
    }
    with temporary_settings(here):
        yield control_plane


def as_run(work: Callable[[PrefectStage], None]) -> str:
    """The work was done as a flow run; answers its id."""
    found: list[str] = []

    @flow(name="at once")
    def run() -> None:
        context = FlowRunContext.get()
        assert context is not None
        assert context.flow_run is not None
        found.append(str(context.flow_run.id))
        work(PrefectStage())

    run()
    return found[0]


def test_both_parts_run_at_the_same_time_and_their_steps_are_seen(plane: ControlPlane) -> None:
    met, threads = threading.Barrier(2, timeout=SECONDS), dict[str, bool]()

    def part(title: str) -> Callable[[PrefectStage], None]:
        def meet() -> None:
            met.wait()
            threads[title] = threading.current_thread() is threading.main_thread()

        return lambda stage: stage.step(title, meet)

    here, beside = part("gateway"), part("brokers")
    run = as_run(lambda stage: stage.at_once(lambda: here(stage), lambda: beside(stage)))
    # ansible-runner needs the main thread, so `here` keeps it.
    assert threads == {"gateway": True, "brokers": False}
    # The server learns of steps by events, some time after.
    until(lambda: {each["name"] for each in task_runs(plane.api, run)} == {"gateway", "brokers"})


def fails(words: str) -> Callable[[], None]:
    def fail() -> None:
        raise EffectFailed(words)

    return fail


def nothing() -> None: ...


@pytest.mark.parametrize(
    ("here", "beside", "words", "notes"),
    [
        (fails("gateway edge: silent"), nothing, "gateway edge: silent", []),
        (nothing, fails("broker 2: silent"), "broker 2: silent", []),
        (
            fails("gateway edge: silent"),
            fails("broker 2: silent"),
            "gateway edge: silent",
            ["meanwhile: broker 2: silent"],
        ),
    ],
)
def test_no_error_is_lost(
    here: Callable[[], None], beside: Callable[[], None], words: str, notes: list[str]
) -> None:
    with pytest.raises(EffectFailed, match=words) as caught:
        PrefectStage().at_once(here, beside)
    assert getattr(caught.value, "__notes__", []) == notes
