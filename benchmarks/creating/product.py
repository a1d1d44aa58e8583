"""The product: the same wish as a request to a warm control plane, and what else is promised."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from benchmarks.creating.family import cpu_seconds as family_seconds
from benchmarks.creating.family import family, memory_kib, text
from benchmarks.creating.phases import BETWEEN, OPENING, PROCESS, PROOF, TAKEN
from benchmarks.creating.spans import Span, with_gaps
from benchmarks.creating.surroundings import LIMIT_SECONDS, Place
from flows.domain.errors import EffectFailed, GateTimeout
from flows.doors.catalogue import operation_named
from flows.doors.cli.running import start as request
from flows.doors.controlplane.processes import remembered
from flows.doors.controlplane.programs import SUPERVISOR, pid_file
from flows.doors.controlplane.reconcile import ENGINE, busy_runs
from flows.doors.follow import follow
from flows.doors.prefect_api import Json, PrefectApi, flow_run, open_api, task_runs
from flows.doors.sweeps import SWEEP
from flows.settings import CHECKOUT

LOOK_SECONDS = 0.2
BOOKS_SECONDS = 10.0
REST_SECONDS = 90.0


@dataclass(frozen=True)
class Conducted:
    """One run: `asked` is just before the request, `ended` when the run's end was noted.

    `start` is what happens before the flow begins, `said` the proof's line of the log, `sweeps`
    how many health sweeps began meanwhile.
    """

    asked: float
    start: tuple[Span, ...]
    steps: tuple[Span, ...]
    ended: float
    said: str
    sweeps: int

    @property
    def seconds(self) -> float:
        """From the request to the end."""
        return self.ended - self.asked

    @property
    def until_proof(self) -> tuple[Span, ...]:
        """Everything until the end of the proof, gaps included; they follow each other."""
        titles = [step.name for step in self.steps]
        proved = self.steps[: titles.index(PROOF) + 1]
        return (*self.start, *with_gaps(self.start[-1].ended, proved, OPENING, BETWEEN))

    @property
    def whole(self) -> tuple[Span, ...]:
        """Everything until the end of the run, gaps included."""
        end = Span(BETWEEN, self.steps[-1].ended, self.ended)
        begun = with_gaps(self.start[-1].ended, self.steps, OPENING, BETWEEN)
        return (*self.start, *begun, end)


@dataclass(frozen=True)
class Memory:
    """Of all processes of the control plane, in MB; a shared page counts in part in `pss`."""

    rss: float
    pss: float
    processes: int


def conduct(place: Place, name: str, wish: Mapping[str, str]) -> Conducted:
    """The operation has succeeded; it was asked for as `fleet run` does, by Prefect's REST API."""
    with open_api(place.settings) as api:
        asked = time.time()
        run_id = request(api, operation_named(name), wish)
        (seen,) = follow(api, [run_id], lambda runs: None)
        if seen.exit_code:
            raise EffectFailed(f"{seen.name}: {seen.state_name}: {seen.message}")
        steps, ended = _steps(api, run_id), _moment(flow_run(api, run_id)["end_time"])
        start, sweeps = _start(api, run_id, asked), _sweeps(api, asked, ended)
        said = _said(api, run_id) if PROOF in {step.name for step in steps} else ""
        return Conducted(asked, start, steps, ended, said, sweeps)


def list_instances(place: Place) -> float:
    """Seconds that `fleet ls` takes as a whole process."""
    began = time.perf_counter()
    subprocess.run(
        [str(CHECKOUT / "fleet"), "ls"],
        env=dict(place.environment),
        stdout=subprocess.DEVNULL,
        timeout=LIMIT_SECONDS,
        check=True,
    )
    return time.perf_counter() - began


def memory_at_rest(place: Place) -> Memory:
    """What the control plane takes while no run holds a process."""
    supervisor = _supervisor(place)
    with open_api(place.settings) as api:
        _until("no run is busy", REST_SECONDS, lambda: not busy_runs(api) and _rests(supervisor))
    found = [memory_kib(pid) for pid in family(supervisor)]
    rss, pss = sum(each[0] for each in found), sum(each[1] for each in found)
    return Memory(rss / 1024, pss / 1024, len(found))


def cpu_seconds(place: Place) -> float:
    """CPU seconds of all processes of the control plane so far; Ansible's SSH connections are
    missing, since they leave their parents."""
    return family_seconds(_supervisor(place))


def _supervisor(place: Place) -> int:
    found = remembered(pid_file(place.settings, SUPERVISOR))
    if found is None:
        raise EffectFailed("the control plane has no supervisor, so it is down")
    return found.pid


def _steps(api: PrefectApi, run_id: str) -> tuple[Span, ...]:
    """The steps as noted by the run itself; Prefect books them a moment later."""
    _until(
        "the ends of all steps are booked",
        BOOKS_SECONDS,
        lambda: all(each["end_time"] for each in task_runs(api, run_id)),
    )
    return tuple(
        Span(str(each["name"]), _moment(each["start_time"]), _moment(each["end_time"]))
        for each in task_runs(api, run_id)
    )


def _start(api: PrefectApi, run_id: str, asked: float) -> tuple[Span, ...]:
    """From the request to the worker, and from there to the process that runs the flow."""
    states: list[Json] = api.get(f"/flow_run_states/?flow_run_id={run_id}")
    moments = {str(each["type"]): _moment(each["timestamp"]) for each in states}
    taken, running = moments["PENDING"], moments["RUNNING"]
    return Span(TAKEN, asked, taken), Span(PROCESS, taken, running)


def _sweeps(api: PrefectApi, began: float, ended: float) -> int:
    """How many health sweeps began in between: each is a process that takes its share of CPU."""
    moments = [datetime.fromtimestamp(each, UTC).isoformat() for each in (began, ended)]
    wanted = {
        "flows": {"name": {"any_": [SWEEP]}},
        "flow_runs": {"start_time": {"after_": moments[0], "before_": moments[1]}},
    }
    return len(api.post("/flow_runs/filter", wanted))


def _said(api: PrefectApi, run_id: str) -> str:
    """The line of the log in which a proof tells its first ack; Prefect books it a moment later."""
    _until("the proof's line is booked", BOOKS_SECONDS, lambda: bool(_proof_lines(api, run_id)))
    return _proof_lines(api, run_id)[0]


def _proof_lines(api: PrefectApi, run_id: str) -> list[str]:
    wanted = {"logs": {"flow_run_id": {"any_": [run_id]}}, "limit": 200}
    found: list[Json] = api.post("/logs/filter", wanted)
    return [str(each["message"]) for each in found if "first ack" in str(each["message"])]


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _rests(supervisor: int) -> bool:
    return not any(ENGINE in text(pid, "cmdline") for pid in family(supervisor))


def _until(words: str, limit: float, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise GateTimeout(f"waited {limit:.0f} s until {words}, in vain")
        time.sleep(LOOK_SECONDS)
