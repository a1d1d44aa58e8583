"""What Prefect is told: two profiles in files of mode 0600, and a nearly empty environment.

The login reaches Prefect's own processes through these files. Its worker hands it on to the
processes of flow runs in their environment; they take it out before they start anything.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path

from flows.doors.controlplane.home import login
from flows.settings import Settings

POOL = "fleet"
WORKER = "fleet-worker"
RUNS_AT_ONCE = 8
"""Each flow run takes about 105 MB and, while it plays, the forks of Ansible."""

HEARTBEAT_SECONDS = 30
EVENTS_KEPT = "P2D"
"""An ISO 8601 duration, as Prefect reads it."""

_LEASES = "prefect.server.concurrency.lease_storage.filesystem"


def stale_profiles(settings: Settings) -> dict[Path, str]:
    """The profiles that are not there as this program and these settings mean them."""
    wanted = {
        server_profile(settings): _profile("server", _server(settings)),
        client_profile(settings): _profile("client", _client(settings)),
    }
    return {path: text for path, text in wanted.items() if _read(path) != text}


def server_profile(settings: Settings) -> Path:
    """What the server reads."""
    return settings.secrets / "prefect-server.toml"


def client_profile(settings: Settings) -> Path:
    """What the worker reads, and whoever calls `prefect` by hand."""
    return settings.secrets / "prefect-client.toml"


def environment(settings: Settings, profile: Path) -> dict[str, str]:
    """The environment of one of Prefect's processes: the caller's less all that is Prefect's."""
    kept = {key: text for key, text in os.environ.items() if not key.startswith("PREFECT_")}
    return {
        **kept,
        "FLEET_HOME": str(settings.home),
        "PREFECT_HOME": str(settings.home / "prefect"),
        "PREFECT_PROFILES_PATH": str(profile),
        "DO_NOT_TRACK": "1",
        # The server's threads would otherwise each keep an arena of freed memory.
        "MALLOC_ARENA_MAX": "2",
        "PYTHONUNBUFFERED": "1",
        "NO_COLOR": "1",
    }


def _client(settings: Settings) -> Mapping[str, str]:
    return {
        "PREFECT_API_URL": settings.prefect_api,
        "PREFECT_API_AUTH_STRING": login(settings),
        "PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_SECONDS),
        "PREFECT_WORKER_QUERY_SECONDS": "1",
        # Scheduled runs are started at their time: early ones would wait in a process of 105 MB.
        "PREFECT_WORKER_PREFETCH_SECONDS": "1",
        "PREFECT_CLI_COLORS": "false",
    }


def _server(settings: Settings) -> Mapping[str, str]:
    return {
        "PREFECT_API_URL": settings.prefect_api,
        "PREFECT_API_AUTH_STRING": login(settings),
        "PREFECT_SERVER_API_AUTH_STRING": login(settings),
        "PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "true",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{settings.prefect_port}",
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        # Relative, so that the UI also works through an SSH tunnel or a proxy.
        "PREFECT_UI_API_URL": "/api",
        # Locks survive a restart of the server only in files.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": _LEASES,
        # Our records keep the history; Prefect's own copy of it may go.
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs",
        "PREFECT_SERVER_EVENTS_RETENTION_PERIOD": EVENTS_KEPT,
        "PREFECT_SERVER_LOGGING_LEVEL": "WARNING",
        "PREFECT_CLI_COLORS": "false",
    }


def _profile(name: str, values: Mapping[str, str]) -> str:
    lines = [f"{key} = {json.dumps(value)}" for key, value in values.items()]
    return "\n".join([f'active = "{name}"', "", f"[profiles.{name}]", *lines, ""])


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
