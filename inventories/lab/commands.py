"""Commands of the host, run without a shell and with a limit."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence

from inventories.lab.errors import CommandFailed, LabError


def run(*argv: str, stdin: str = "", limit: float = 60.0) -> str:
    """The command's standard output; `CommandFailed` with its last words otherwise."""
    try:
        done = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, timeout=limit, check=False
        )
    except FileNotFoundError as missing:
        raise CommandFailed(f"the command {argv[0]} is not installed on this host") from missing
    except subprocess.TimeoutExpired as late:
        raise CommandFailed(f"`{' '.join(argv)}` did not end within {limit:g} s") from late
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise CommandFailed(
            f"`{' '.join(argv)}` ended with {done.returncode}: {' / '.join(words) or 'no output'}"
        )
    return done.stdout


def works(*argv: str, limit: float = 60.0) -> bool:
    """Whether the command ends with success."""
    try:
        run(*argv, limit=limit)
    except CommandFailed:
        return False
    return True


def in_netns(netns: str, argv: Sequence[str]) -> tuple[str, ...]:
    """The command as run inside a network namespace.

    `ip netns exec` would mount a fresh /sys there, which hides the cgroups.
    """
    return ("nsenter", f"--net=/run/netns/{netns}", *argv)


def wait_for(condition: Callable[[], bool], sentence: str, limit: float) -> None:
    """Return once the condition holds; `LabError` with the sentence after `limit` seconds."""
    deadline = time.monotonic() + limit
    pause = 0.005
    while not condition():
        if time.monotonic() > deadline:
            raise LabError(f"{sentence} (waited {limit:g} s)")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)
