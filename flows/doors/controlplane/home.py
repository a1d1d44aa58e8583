"""FLEET_HOME: the one directory where the control plane keeps everything of its own."""

from __future__ import annotations

import base64
import os
import secrets
from pathlib import Path

from flows.domain.errors import Refused
from flows.settings import Settings

MARKER = "kafka-fleet-home"
_OURS = ("settings.toml", "secrets", "uploads", "logs", "run", "prefect", "records.")
UI_USER = "fleet"


def prepare_home(settings: Settings) -> None:
    """The home and its directories exist, readable by their owner alone, marked as ours.

    A directory that holds other things is refused: `fleet clean` removes the whole home.
    """
    home = settings.home
    if home.exists() and not is_ours(home):
        raise Refused(
            f"FLEET_HOME {home}: the directory holds other things; an empty or a new one is "
            "accepted, because `fleet clean` removes all of it"
        )
    ours = (settings.secrets, settings.uploads, settings.logs, settings.run, home / "prefect")
    for path in (home, *ours):
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        path.chmod(0o700)
    (home / MARKER).touch(mode=0o600)


def is_ours(home: Path) -> bool:
    """Whether a home carries our marker, or nothing but what we put there."""
    names = [path.name for path in home.iterdir()] if home.is_dir() else []
    return MARKER in names or all(name.startswith(_OURS) for name in names)


def login(settings: Settings) -> str:
    """`user:password` of Prefect's API and UI; made once, kept in a file of mode 0600."""
    return _kept(settings.secrets / "prefect-login", f"{UI_USER}:{secrets.token_urlsafe(24)}")


def encryption_key(settings: Settings) -> str:
    """The Fernet key of Prefect's Secret blocks; never in Prefect's own database."""
    key = base64.urlsafe_b64encode(os.urandom(32)).decode()
    return _kept(settings.secrets / "prefect-encryption-key", key)


def write_private(path: Path, text: str) -> None:
    """The file holds the text, after a power loss too, and only its owner can read it.

    It appears at once as a whole.
    """
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    _flush_directory(path.parent)


def _flush_directory(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _kept(path: Path, new: str) -> str:
    if not path.exists():
        write_private(path, f"{new}\n")
    return path.read_text().strip()
