"""`fleet down`: no new run is taken, those that run end, then the processes stop."""

from __future__ import annotations

import time

from flows.domain.errors import EffectFailed
from flows.doors.controlplane.prefect_settings import POOL
from flows.doors.controlplane.processes import Process, remembered, stop
from flows.doors.controlplane.programs import SUPERVISOR, names, pid_file
from flows.doors.controlplane.progress import Note, StepLines
from flows.doors.controlplane.reconcile import busy_runs
from flows.doors.prefect_api import PrefectApi, Unreachable, open_api
from flows.settings import Settings

DRAIN_SECONDS = 1800
SUPERVISOR_SECONDS = 75
"""The supervisor gives the worker 40 s and the server 20 s."""
ORPHAN_SECONDS = 20
POLL_SECONDS = 0.5


def down(settings: Settings, lines: StepLines, *, now: bool = False) -> None:
    """No process of the control plane is left. Instances and their machines are not touched.

    With `now` runs are not waited for: they are killed, and finished by running them again.
    """
    alive = {name: found for name in names() if (found := _process(settings, name))}
    if not alive:
        lines.say("the control plane is down already")
        return
    if not now and "server" in alive and "worker" in alive:
        _drain(settings, lines)
    with lines.step("stop worker, server and supervisor"):
        _stop(settings, alive)


def _drain(settings: Settings, lines: StepLines) -> None:
    with lines.step("wait for runs to end") as note:
        try:
            with open_api(settings) as api:
                api.patch(f"/work_pools/{POOL}", {"is_paused": True})
                _wait_for_runs(api, note)
        except Unreachable:
            note("the server does not answer, so no run is waited for")


def _wait_for_runs(api: PrefectApi, note: Note) -> None:
    limit = time.monotonic() + DRAIN_SECONDS
    while runs := busy_runs(api):
        running = ", ".join(sorted(str(run["name"]) for run in runs))
        if time.monotonic() > limit:
            api.patch(f"/work_pools/{POOL}", {"is_paused": False})
            raise EffectFailed(
                f"still running after {DRAIN_SECONDS} s: {running}; wait for it, or stop it with "
                "`fleet down --now` and finish it later by running it again"
            )
        note(f"wait for runs to end: {running}")
        time.sleep(POLL_SECONDS)


def _stop(settings: Settings, alive: dict[str, Process]) -> None:
    if SUPERVISOR in alive:
        stop(alive[SUPERVISOR], SUPERVISOR_SECONDS)
    for name in reversed(names()):
        orphan = _process(settings, name)
        if orphan:
            stop(orphan, ORPHAN_SECONDS)
        pid_file(settings, name).unlink(missing_ok=True)


def _process(settings: Settings, name: str) -> Process | None:
    return remembered(pid_file(settings, name))
