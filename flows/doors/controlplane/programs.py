"""The processes of the control plane: what is started, with which environment, in which order."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.doors.controlplane.home import login
from flows.doors.controlplane.prefect_settings import (
    POOL,
    client_profile,
    environment,
    server_profile,
)
from flows.doors.controlplane.vital_signs import api_answers, pool_is_served
from flows.settings import Settings

SILENT_SECONDS = 180
"""A server that starts on a busy machine is silent for half of that."""
SUPERVISOR = "supervisor"


@dataclass(frozen=True)
class Program:
    """One supervised process.

    It gets the seconds to stop by itself, and is started only once `may_start` says so. It is
    started anew when it ends, or is not `well` for the seconds that it may be silent.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    seconds_to_stop: int
    well: Callable[[], bool]
    may_start: Callable[[], bool] = lambda: True
    seconds_silent: float = SILENT_SECONDS


def programs(settings: Settings) -> tuple[Program, ...]:
    """In the order in which they are started; they are stopped the other way round."""
    return (_server(settings), _worker(settings))


def names() -> tuple[str, ...]:
    """All processes of the control plane, the one that watches the others first."""
    return (SUPERVISOR, "server", "worker")


def pid_file(settings: Settings, name: str) -> Path:
    """Where the process of that name is remembered."""
    return settings.run / f"{name}.pid"


def log_file(settings: Settings, name: str) -> Path:
    """Where the process of that name writes."""
    return settings.logs / f"{name}.log"


def _server(settings: Settings) -> Program:
    argv = (sys.executable, "-P", "-m", "flows.doors.controlplane.server")
    variables = environment(settings, server_profile(settings))
    return Program("server", argv, variables, 20, well=lambda: api_answers(settings.prefect_port))


def _worker(settings: Settings) -> Program:
    """It waits for the server: started before, it would do without events for ever."""
    argv = (sys.executable, "-P", "-m", "flows.doors.controlplane.worker")
    variables, port = environment(settings, client_profile(settings)), settings.prefect_port
    return Program(
        "worker",
        argv,
        variables,
        40,
        well=lambda: pool_is_served(port, login(settings), POOL),
        may_start=lambda: api_answers(port),
    )
