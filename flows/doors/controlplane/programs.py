"""The processes of the control plane: what is started, with which environment, in which order."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.doors.controlplane.prefect_settings import (
    POOL,
    RUNS_AT_ONCE,
    WORKER,
    client_profile,
    environment,
    server_profile,
)
from flows.settings import Settings

SUPERVISOR = "supervisor"


@dataclass(frozen=True)
class Program:
    """One supervised process; the seconds are what it gets to stop by itself."""

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    seconds_to_stop: int


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
    argv = (sys.executable, "-P", "-m", "prefect", "server", "start")
    return Program("server", argv, environment(settings, server_profile(settings)), 20)


def _worker(settings: Settings) -> Program:
    start = ("worker", "start", "--pool", POOL, "--type", "process", "--name", WORKER)
    argv = (sys.executable, "-P", "-m", "prefect", *start, "--limit", str(RUNS_AT_ONCE))
    return Program("worker", argv, environment(settings, client_profile(settings)), 40)
