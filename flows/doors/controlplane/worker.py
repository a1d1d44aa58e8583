"""Prefect's worker, after the books were put right: `python -m flows.doors.controlplane.worker`."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from flows.doors.controlplane.prefect_settings import POOL, RUNS_AT_ONCE, WORKER
from flows.doors.controlplane.reconcile import reconcile
from flows.doors.prefect_api import open_api
from flows.settings import load_settings


def main() -> None:
    """Becomes the worker; no other one lives now, so what says it runs must have a process."""
    settings = load_settings()
    with open_api(settings) as api:
        print(reconcile(api), flush=True)
    os.environ["TMPDIR"] = str(_empty(settings.run / "scratch"))
    start = ("worker", "start", "--pool", POOL, "--type", "process", "--name", WORKER)
    limit = ("--limit", str(RUNS_AT_ONCE))
    os.execv(sys.executable, (sys.executable, "-P", "-m", "prefect", *start, *limit))


def _empty(scratch: Path) -> Path:
    """A directory for what the worker leaves behind when it is killed."""
    if scratch.exists():
        shutil.rmtree(scratch)
    scratch.mkdir(mode=0o700)
    return scratch


if __name__ == "__main__":
    main()
