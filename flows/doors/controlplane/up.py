"""`fleet up`: from nothing, or from whatever is left, to a control plane that takes requests."""

from __future__ import annotations

import fcntl
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

from flows.domain.errors import EffectFailed, Refused
from flows.doors.controlplane.home import prepare_home, write_private
from flows.doors.controlplane.prefect_settings import (
    POOL,
    client_profile,
    environment,
    stale_profiles,
)
from flows.doors.controlplane.processes import Process, launch, remembered
from flows.doors.controlplane.programs import SUPERVISOR, log_file, pid_file
from flows.doors.controlplane.progress import StepLines
from flows.doors.controlplane.zombies import watch_for_zombies
from flows.doors.deployments import deployments, register
from flows.doors.prefect_api import PrefectApi, open_api, ui_address
from flows.doors.wiring import open_hosts, open_lab, open_records, upgrade_records
from flows.queries.interruption import interruptions
from flows.settings import Settings, as_toml

SERVER_SECONDS = 120
WORKER_SECONDS = 60
PORT_SECONDS = 5
POLL_SECONDS = 0.3
LIVES = 2


def up(settings: Settings, lines: StepLines, *, with_lab: bool = True) -> None:
    """Everything runs and is registered; what runs already is left alone."""
    prepare_home(settings)
    with _one_at_a_time(settings):
        with lines.step("settings and records"):
            _keep_settings(settings)
            _write_profiles(settings)
            upgrade_records(settings)
        if with_lab:
            _lab_up(settings, lines)
        if settings.hosts:
            with lines.step("own hosts") as note:
                listed = open_hosts(settings, note).listed
                note(f"{len(listed.hosts)} own hosts of {listed.source}")
        with lines.step("Prefect server"):
            _start_supervisor(settings)
            _wait(settings, "server", SERVER_SECONDS, lambda: _healthy(settings))
        with open_api(settings) as api:
            _open_for_requests(settings, api, lines)
    for sentence in interruptions(open_records(settings)):
        lines.say(sentence)
    lines.say(f"ready at {ui_address(settings)}")


def _keep_settings(settings: Settings) -> None:
    """Later commands mean this control plane, also without today's environment."""
    path = settings.home / "settings.toml"
    if not path.exists():
        write_private(path, as_toml(settings))


def _open_for_requests(settings: Settings, api: PrefectApi, lines: StepLines) -> None:
    with lines.step("worker"):
        _wait(settings, "worker", WORKER_SECONDS, lambda: _takes_runs(settings, api))
    wanted = deployments()
    with lines.step(f"{len(wanted)} deployments"):
        register(api, wanted)
        watch_for_zombies(api)
        api.patch(f"/work_pools/{POOL}", {"is_paused": False})


def _write_profiles(settings: Settings) -> None:
    """Prefect's processes read them when they start, so a change needs a new start."""
    stale = stale_profiles(settings)
    if stale and remembered(pid_file(settings, SUPERVISOR)):
        raise Refused(
            "the settings have changed since the control plane was started; "
            "run `fleet down`, then `fleet up`"
        )
    for path, text in stale.items():
        write_private(path, text)


def _lab_up(settings: Settings, lines: StepLines) -> None:
    """A machine that does not start is the sweep's affair: it makes its instance Faulty."""
    from inventories.lab import LabError, MachinesDown  # noqa: PLC0415 (not every home has a lab)

    with lines.step(f"lab {settings.lab}") as note:
        try:
            open_lab(settings, note).up()
            note(f"lab {settings.lab}")
        except MachinesDown as silent:
            note(f"lab {settings.lab}, but not all of it: {silent}")
        except LabError as error:
            raise EffectFailed(f"lab {settings.lab}: {error}") from error


def _start_supervisor(settings: Settings) -> None:
    if remembered(pid_file(settings, SUPERVISOR)):
        return
    _check_port(settings)
    argv = (sys.executable, "-P", "-m", "flows.doors.controlplane.supervisor")
    variables = environment(settings, client_profile(settings))
    launch(argv, variables, log_file(settings, SUPERVISOR))


def _check_port(settings: Settings) -> None:
    """A server that was just killed closes its port a moment after it ended."""
    limit = time.monotonic() + PORT_SECONDS
    while not remembered(pid_file(settings, "server")) and _is_taken(settings.prefect_port):
        if time.monotonic() > limit:
            raise EffectFailed(
                f"prefect_port {settings.prefect_port}: another process listens there; "
                "choose a free port by FLEET_PREFECT_PORT"
            )
        time.sleep(POLL_SECONDS)


def _is_taken(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _healthy(settings: Settings) -> bool:
    with open_api(settings) as api:
        return api.healthy()


def _takes_runs(settings: Settings, api: PrefectApi) -> bool:
    """The pool has a worker that reported since its process lives (the worker makes the pool).

    For Prefect a worker that died with everything else is online for another minute.
    """
    found = remembered(pid_file(settings, "worker"))
    if found is None or api.find(f"/work_pools/{POOL}") is None:
        return False
    since = datetime.now(UTC) - timedelta(seconds=found.age_seconds())
    workers = api.post(f"/work_pools/{POOL}/workers/filter", {})
    return any(datetime.fromisoformat(each["last_heartbeat_time"]) > since for each in workers)


def _wait(settings: Settings, name: str, seconds: float, condition: Callable[[], bool]) -> None:
    limit = time.monotonic() + seconds
    lives: set[Process] = set()
    while not condition():
        if found := remembered(pid_file(settings, name)):
            lives.add(found)
        if len(lives) > LIVES:
            raise _not_ready(settings, name, f"it ended {LIVES} times before it was ready")
        if time.monotonic() > limit:
            raise _not_ready(settings, name, f"it was not ready within {seconds:.0f} s")
        time.sleep(POLL_SECONDS)


def _not_ready(settings: Settings, name: str, sentence: str) -> EffectFailed:
    log = log_file(settings, name)
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    last = lines[-1].strip() if lines else "nothing"
    return EffectFailed(f"{name}: {sentence}; its log {log} ends with: {last}")


@contextmanager
def _one_at_a_time(settings: Settings) -> Iterator[None]:
    with (settings.run / "up.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
