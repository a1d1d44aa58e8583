"""Maven brings the jars that a ``pom.xml`` names; the user's settings (mirrors, proxies) hold."""

import os
import re
from pathlib import Path

from .errors import DistributionError
from .tools import run

_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
_LIMIT = 900
"""Seconds; a slow line needs about 100 for the jars and Maven's own plugins."""

_QUICK_START = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
"""Halves the time of so short a run."""


def copy_jars(pom: Path, libs: Path, repository: Path) -> None:
    """Copy the jars of the run-time scope of ``pom`` into ``libs``.

    ``repository`` is Maven's own cache. One run at a time may use it. Raises DistributionError
    with Maven's complaint.
    """
    command = [
        "mvn",
        "--batch-mode",
        "--no-transfer-progress",
        "--quiet",
        "--strict-checksums",
        "-Dstyle.color=never",
        f"-Dmaven.repo.local={repository}",
        f"--file={pom}",
        _GOAL,
        "-DincludeScope=runtime",
        f"-DoutputDirectory={libs}",
    ]
    options = os.environ.get("MAVEN_OPTS", _QUICK_START)
    done = run(command, _LIMIT, {"MAVEN_OPTS": options})
    if done.returncode != 0:
        raise DistributionError(
            f"{pom.parent.name}: Maven could not bring the jars: {_complaint(done.stdout)}"
        )


def _complaint(output: str) -> str:
    """Return Maven's error lines as one, up to where it begins to explain itself."""
    errors, _, _ = output.partition("[ERROR] To see the full stack trace")
    lines = (line.strip() for line in re.findall(r"^\[ERROR\](.+)$", errors, re.MULTILINE))
    return " ".join(filter(None, lines)).replace(" -> [Help 1]", "") or output.strip()[-500:]
