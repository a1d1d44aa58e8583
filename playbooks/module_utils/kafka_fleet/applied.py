"""What was put on this host: `applied.json` in the state directory.

It is written before the files themselves, so that a cleaning finds everything that a killed
delivery may have begun. Whether a file really holds what was applied is for the reader to look.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field

from .writing import Attributes, write_atomically

NAME = "applied.json"


@dataclass
class Applied:
    """Files by the part of the delivery that they belong to, and the directories we made.

    A directory that was asked for is ours with all its content; a parent that was only implied
    by a path may have become home to others, and goes only when it is empty.
    """

    files: dict[str, dict[str, str]] = field(default_factory=dict)
    """Part -> path -> SHA-256 of the content."""
    directories: list[str] = field(default_factory=list)
    parents: list[str] = field(default_factory=list)

    def paths(self) -> list[str]:
        """Every file of every part."""
        return sorted({path for part in self.files.values() for path in part})


def read(state: str) -> Applied:
    """What was applied so far; nothing on a fresh host."""
    try:
        with open(os.path.join(state, NAME), encoding="utf-8") as file:
            found = json.load(file)
    except FileNotFoundError:
        return Applied()
    return Applied(found["files"], found["directories"], found["parents"])


def write(state: str, applied: Applied) -> None:
    """The state directory says what is applied; only root can read it."""
    text = json.dumps({"version": 1, **asdict(applied)}, indent=1, sort_keys=True) + "\n"
    write_atomically(os.path.join(state, NAME), text.encode(), Attributes(mode=0o600))
