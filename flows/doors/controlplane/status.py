"""`fleet status`: which processes of the control plane run, and what they take."""

from __future__ import annotations

from dataclasses import dataclass

from flows.doors.controlplane.processes import remembered
from flows.doors.controlplane.programs import log_file, names, pid_file
from flows.doors.prefect_api import Unreachable, open_api, ui_address
from flows.settings import Settings


@dataclass(frozen=True)
class ProcessLine:
    """One process; without a pid it is down."""

    name: str
    pid: int | None
    memory_mb: float
    seconds: float
    log: str


@dataclass(frozen=True)
class ControlPlane:
    """All processes at a glance; `answers` tells whether the API is well."""

    processes: tuple[ProcessLine, ...]
    answers: bool
    ui: str
    login_file: str

    @property
    def up(self) -> bool:
        """Whether nothing is missing."""
        return self.answers and all(line.pid for line in self.processes)

    @property
    def memory_mb(self) -> float:
        """Resident memory of all processes together."""
        return sum(line.memory_mb for line in self.processes)


def status(settings: Settings) -> ControlPlane:
    """How the control plane of this home is now."""
    return ControlPlane(
        processes=tuple(_line(settings, name) for name in names()),
        answers=_answers(settings),
        ui=ui_address(settings),
        login_file=str(settings.secrets / "prefect-login"),
    )


def _line(settings: Settings, name: str) -> ProcessLine:
    found = remembered(pid_file(settings, name))
    log = str(log_file(settings, name))
    if found is None:
        return ProcessLine(name, None, 0.0, 0.0, log)
    memory = found.resident_bytes() / 2**20
    return ProcessLine(name, found.pid, memory, found.age_seconds(), log)


def _answers(settings: Settings) -> bool:
    try:
        with open_api(settings) as api:
            return api.healthy()
    except Unreachable:
        return False
