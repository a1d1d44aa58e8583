"""Prefect's server with its encryption key: `python -m flows.doors.controlplane.server`.

Prefect reads that key from its environment alone. Put there by the process itself it is seen by
nobody: /proc shows the environment that a process was started with.
"""

from __future__ import annotations

import os

from flows.doors.controlplane.home import encryption_key
from flows.settings import Settings, load_settings


def main() -> None:
    """Serves the API, the UI and the services of this home until SIGTERM."""
    settings = load_settings()
    os.environ["PREFECT_SERVER_ENCRYPTION_KEY"] = encryption_key(settings)
    _break_stale_lock(settings)
    import uvicorn  # noqa: PLC0415
    from prefect.server.api.server import create_app  # noqa: PLC0415 (it reads the environment)

    uvicorn.run(
        create_app(final=True),
        host="127.0.0.1",
        port=settings.prefect_port,
        log_level="warning",
        # Longer than clients keep a connection, so that none is closed under a request.
        timeout_keep_alive=60,
    )


def _break_stale_lock(settings: Settings) -> None:
    """No other server of this home lives now, whatever the lock of its leases says.

    Prefect knows the owner by its pid alone: after a power loss that pid is soon another
    process's, and every schedule with a limit would wait for it for ever.
    """
    (settings.home / "prefect" / "concurrency_leases" / "expirations.lock").unlink(missing_ok=True)


if __name__ == "__main__":
    main()
