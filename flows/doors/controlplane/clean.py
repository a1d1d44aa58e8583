"""`fleet clean`: everything that the product made on this machine goes, and nothing else.

Installed packages and the checkout with its virtual environment stay.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from dataclasses import dataclass

from flows.doors.controlplane.down import down
from flows.doors.controlplane.home import MARKER
from flows.doors.controlplane.processes import remembered
from flows.doors.controlplane.programs import names, pid_file
from flows.doors.controlplane.progress import StepLines
from flows.doors.wiring import open_lab
from flows.settings import Settings
from inventories.lab import slots


@dataclass(frozen=True)
class Removal:
    """One thing that will go: its name, what it holds, and how it goes."""

    name: str
    what: str
    remove: Callable[[], None]


def removals(settings: Settings) -> tuple[Removal, ...]:
    """What there is to remove now, in the order in which it must go."""
    found = (_processes(settings), _lab(settings), _cache(settings), _home(settings))
    return tuple(removal for removal in found if removal is not None)


def staying(settings: Settings) -> str:
    """Why the cache stays, or nothing: other labs of this machine stand on its image."""
    others = _other_labs(settings)
    if not others or not settings.cache.is_dir():
        return ""
    return f"the cache {settings.cache} stays, because of other labs: {', '.join(others)}"


def _processes(settings: Settings) -> Removal | None:
    running = [name for name in names() if remembered(pid_file(settings, name))]
    if not running:
        return None
    what = f"its processes {', '.join(running)}, without waiting for its runs"
    silent = StepLines(io.StringIO())
    return Removal("control plane", what, lambda: down(settings, silent, now=True))


def _lab(settings: Settings) -> Removal | None:
    lab = open_lab(settings, lambda line: None)
    if not lab.exists():
        return None
    what = f"all machines and their disks in {settings.lab_root / settings.lab}"
    return Removal(f"lab {settings.lab}", what, lab.destroy)


def _cache(settings: Settings) -> Removal | None:
    if not settings.cache.is_dir() or _other_labs(settings):
        return None
    what = f"the machines' image and the built distributions in {settings.cache}"
    return Removal("cache", what, lambda: shutil.rmtree(settings.cache))


def _other_labs(settings: Settings) -> list[str]:
    """Labs that stand on the cache's image: under our root, running or not, and elsewhere."""
    here = settings.lab_root.iterdir() if settings.lab_root.is_dir() else ()
    labs = {path for path in here if path.is_dir() and not path.name.startswith(".")}
    others = labs.union(slots.owners()) - {settings.lab_root / settings.lab}
    return sorted(path.name for path in others)


def _home(settings: Settings) -> Removal | None:
    if not (settings.home / MARKER).exists():
        return None
    what = f"records, keys, certificates, secrets and logs in {settings.home}"
    return Removal("FLEET_HOME", what, lambda: shutil.rmtree(settings.home))
