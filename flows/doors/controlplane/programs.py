"""The processes of the control plane: what is started, with which environment, in which order."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flows.doors.controlplane.prefect_settings import (
    client_profile,
    environment,
    server_profile,
)
from flows.settings import Settings

SUPERVISOR = "supervisor"


@dataclass(frozen=True)
class Program:
    """One supervised process.

    It gets the seconds to stop by itself, and is started only while the API answers on the port.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str]
    seconds_to_stop: int
    needs_api_on: int | None = None


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
    return Program("server", argv, environment(settings, server_profile(settings)), 20)


def _worker(settings: Settings) -> Program:
    """It waits for the server: started before, it would do without events for ever."""
    argv = (sys.executable, "-P", "-m", "flows.doors.controlplane.worker")
    variables = environment(settings, client_profile(settings))
    return Program("worker", argv, variables, 40, settings.prefect_port)
