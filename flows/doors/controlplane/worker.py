"""Prefect's worker, after the books were put right: `python -m flows.doors.controlplane.worker`."""

from __future__ import annotations

import os
import sys

from flows.doors.controlplane.prefect_settings import POOL, RUNS_AT_ONCE, WORKER
from flows.doors.controlplane.reconcile import reconcile
from flows.doors.prefect_api import open_api
from flows.settings import load_settings


def main() -> None:
    """Becomes the worker; no other one lives now, so what says it runs must have a process."""
    with open_api(load_settings()) as api:
        print(reconcile(api), flush=True)
    start = ("worker", "start", "--pool", POOL, "--type", "process", "--name", WORKER)
    limit = ("--limit", str(RUNS_AT_ONCE))
    os.execv(sys.executable, (sys.executable, "-P", "-m", "prefect", *start, *limit))


if __name__ == "__main__":
    main()
