"""Programs of others that a build runs: Maven and the Java compiler."""

import os
import subprocess
from collections.abc import Mapping

from .errors import DistributionError

PACKAGES = ("maven", "openjdk-17-jdk-headless")
"""Debian packages without which nothing is built."""


def run(
    command: list[str], limit: float, environment: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a build tool to its end, both outputs in ``stdout``.

    ``limit`` is in seconds. Raises DistributionError when the tool is not installed, or was
    stopped at the limit.
    """
    try:
        return subprocess.run(
            command,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=limit,
            check=False,
        )
    except FileNotFoundError as missing:
        raise DistributionError(
            f"{command[0]} is not installed: install the packages {' and '.join(PACKAGES)}"
        ) from missing
    except subprocess.TimeoutExpired as late:
        raise DistributionError(
            f"{command[0]} was stopped because it ran for more than {limit:g} s"
        ) from late
