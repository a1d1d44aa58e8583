"""A control plane from a backup, in a home where nothing is yet, on this or another machine."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zlib
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.adapters.backup.recovery_key import read_recovery_key
from flows.adapters.backup.sealed import Sealed, read_sealed, unseal
from flows.adapters.records.dump import load
from flows.adapters.records.engine import open_engine
from flows.domain.errors import EffectFailed, refusal
from flows.domain.operations import Trace
from flows.doors.asker import Asker
from flows.doors.controlplane.backup import SUBJECT
from flows.doors.controlplane.home import prepare_home, write_private
from flows.doors.wiring import open_records
from flows.settings import Settings, as_toml, load_settings


@dataclass(frozen=True)
class Restored:
    """What came back: when the backup was made, and how many instances it knows."""

    made: datetime
    instances: int


def read_backup(settings: Settings, path: Path) -> Sealed:
    """A whole backup, and a home where it can go; Refused otherwise, before any key is needed."""
    _check_home(settings.home)
    try:
        content = path.read_bytes()
    except OSError as error:
        raise refusal("backup", str(path), f"it cannot be read ({error.strerror})") from None
    return read_sealed(str(path), content)


def restore(settings: Settings, path: Path, key: str, asker: Asker) -> Restored:
    """The home holds the control plane of the backup, at rest: `fleet up` starts it.

    What the environment sets wins over the backup's settings and is written down. Refused or
    failed, nothing is changed.
    """
    sealed = read_backup(settings, path)
    opened = unseal(str(path), sealed, read_recovery_key(key))
    content: dict[str, Any] = json.loads(zlib.decompress(opened))
    home = settings.home
    home.parent.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{home.name}.", dir=home.parent))
    try:
        instances = _fill(draft, content)
        _trace(draft, path, sealed, asker)
        _become(draft, home)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return Restored(sealed.made, instances)


def _check_home(home: Path) -> None:
    if home.exists() and (not home.is_dir() or any(home.iterdir())):
        raise refusal(
            "FLEET_HOME", str(home), "it is not empty; a backup is restored into a new or an "
            "empty directory"
        )  # fmt: skip
    if home.is_mount():
        raise refusal("FLEET_HOME", str(home), "it is a mount point; a directory in it is accepted")


def _fill(draft: Path, content: Mapping[str, Any]) -> int:
    """The draft is a home with everything in it; answers how many instances live in it."""
    write_private(draft / "settings.toml", content["settings"])
    settings = _settings_in(draft)
    prepare_home(settings)
    for name, text in content["files"].items():
        _write(_place(draft, name), b64decode(text))
    write_private(draft / "settings.toml", as_toml(settings))
    engine = open_engine(settings.database_url)
    load(engine, content["records"], datetime.now(UTC))
    engine.dispose()
    return len(open_records(settings).living())


def _settings_in(home: Path) -> Settings:
    return load_settings({**os.environ, "FLEET_HOME": str(home)})


def _place(home: Path, name: str) -> Path:
    # Whoever knows the public half of the recovery key can seal a file of their own.
    place = (home / name).resolve()
    if not place.is_relative_to(home.resolve()):
        raise refusal("backup", name, "it would be written outside of FLEET_HOME")
    return place


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(content)


def _trace(home: Path, path: Path, sealed: Sealed, asker: Asker) -> None:
    words = f"from {path}, made {sealed.made:%Y-%m-%d %H:%M:%S} UTC"
    name = "restoreControlPlaneSuccess"
    trace = Trace(name, asker.name, asker.door, SUBJECT, {}, words)
    open_records(_settings_in(home)).trace(trace)


def _become(draft: Path, home: Path) -> None:
    """The draft is the home, at once; an empty directory in its place is replaced."""
    try:
        draft.replace(home)
    except OSError as error:
        raise EffectFailed(f"FLEET_HOME {home}: it cannot be made ({error.strerror})") from error
