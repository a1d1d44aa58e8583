"""Programs of the host, run with a limit and without a shell."""

from __future__ import annotations

import subprocess

LIMIT = 60.0


class CommandFailed(Exception):
    """A program ended with an error; the message is its last words."""


def run(*argv: str, limit: float = LIMIT) -> str:
    """What the program wrote; CommandFailed when it did not end well within the limit (s)."""
    try:
        done = subprocess.run(
            argv, capture_output=True, text=True, errors="replace", timeout=limit, check=False
        )
    except FileNotFoundError:
        raise CommandFailed(f"{argv[0]} is not installed on the host") from None
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"{' '.join(argv)} did not end within {limit:.0f} s") from None
    if done.returncode:
        words = (done.stderr or done.stdout).strip() or f"exit code {done.returncode}"
        raise CommandFailed(f"{' '.join(argv)}: {words}")
    return done.stdout
