"""An engine that works a fraction of the time: between two of its steps there is time to look."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.acceptance.plane import Plane
from tests.acceptance.under_load import busy_engine

LOOK_SECONDS, WORKS_SECONDS, RESTS_SECONDS = 0.02, 0.03, 0.2


@contextmanager
def slowed(plane: Plane, name: str) -> Iterator[None]:
    """Inside, the engine of the operation that holds the instance, or will, is held up.

    Lines of a run come to its command a second late: a quick machine would be through by then.
    """
    over = threading.Event()
    pacing = threading.Thread(target=_pace, args=(plane, name, over))
    pacing.start()
    try:
        yield
    finally:
        over.set()
        pacing.join()


def _pace(plane: Plane, name: str, over: threading.Event) -> None:
    pid = None
    while pid is None and not over.wait(LOOK_SECONDS):
        pid = busy_engine(plane, name)
    with suppress(ProcessLookupError):
        if pid is not None:
            _take_turns(pid, over)


def _take_turns(pid: int, over: threading.Event) -> None:
    # A pidfd never means another process that has the number by now.
    engine = os.pidfd_open(pid)
    try:
        while not over.wait(WORKS_SECONDS):
            signal.pidfd_send_signal(engine, signal.SIGSTOP)
            over.wait(RESTS_SECONDS)
            signal.pidfd_send_signal(engine, signal.SIGCONT)
    finally:
        os.close(engine)
