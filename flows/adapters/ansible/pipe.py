"""Secrets handed over once, from memory to memory."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def handed_over(pipe: Path, text: str) -> Iterator[Path]:
    """Whoever opens the pipe first reads the text; it is never stored."""
    os.mkfifo(pipe, 0o600)
    writer = threading.Thread(target=_write, args=(pipe, text), daemon=True)
    writer.start()
    try:
        yield pipe
    finally:
        _release(pipe)
        writer.join(timeout=10)


def _write(pipe: Path, text: str) -> None:
    try:
        with pipe.open("w", encoding="utf-8") as file:
            file.write(text)
    except BrokenPipeError:
        pass  # the reader ended before it had read all; its own failure is reported by the play


def _release(pipe: Path) -> None:
    """A writer that nobody read from waits no longer."""
    os.close(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))
