"""A backup: records, keys and settings of this control plane in one file that it cannot read.

What can be made anew is not in it: Prefect's books, logs, what runs now, and other backups.
"""

from __future__ import annotations

import json
import os
import zlib
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.adapters.backup.recovery_key import RecoveryKey, fingerprint, new_recovery_key
from flows.adapters.backup.sealed import seal
from flows.adapters.records.dump import dump
from flows.adapters.records.engine import open_engine
from flows.adapters.records.migrate import check_schema
from flows.domain.errors import EffectFailed, Refused, refusal
from flows.domain.operations import Trace
from flows.doors.asker import Asker
from flows.doors.controlplane.home import write_private
from flows.doors.wiring import open_records
from flows.settings import Settings, as_toml

MADE_ANEW = ("run", "logs", "prefect", "backups", "settings.toml")
NAME = "kafka-fleet-%Y%m%dT%H%M%SZ.backup"
NAMES = "kafka-fleet-*Z.backup"
SUFFIX = ".backup"
SUBJECT = "control plane"
"""What the audit calls the resource of backups and restores."""

Show = Callable[[RecoveryKey], None]
"""Shows a new recovery key to a person, the only time that anybody sees it."""


@dataclass(frozen=True)
class Backup:
    """What was written where, and which recovery key opens it."""

    path: Path
    made: datetime
    size: int
    instances: int
    key: str


def back_up(settings: Settings, path: Path, asker: Asker) -> Backup:
    """The file holds this control plane as it is now, readable by its owner alone (0600).

    Refused when there is such a file, or no recovery key yet. Runs may go on meanwhile.
    """
    check_output(path)
    public = _public_half(settings)
    made = datetime.now(UTC)
    content = _content(settings)
    sealed = seal(zlib.compress(json.dumps(content).encode()), public, made)
    _write_new(path, sealed)
    instances = len(content["records"]["tables"]["instances"])
    done = Backup(path, made, len(sealed), instances, fingerprint(public))
    words = f"{path}, {instances} instances, for the recovery key {done.key}"
    trace = Trace("backUpControlPlaneSuccess", asker.name, asker.door, SUBJECT, {}, words)
    open_records(settings).trace(trace)
    return done


def check_output(path: Path) -> None:
    """Refused unless a new file can be made there."""
    if path.exists():
        raise _is_there(path)
    if not path.parent.is_dir():
        raise refusal("output", str(path), f"there is no directory {path.parent}; an existing one "
                      "is accepted")  # fmt: skip


def back_up_into_directory(settings: Settings, asker: Asker) -> Backup:
    """One more backup lies in the directory of backups, and no more than are to be kept."""
    directory = settings.backups_directory
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    done = back_up(settings, directory / datetime.now(UTC).strftime(NAME), asker)
    for old in sorted(directory.glob(NAMES))[: -max(settings.backups_kept, 1)]:
        old.unlink()
    return done


def has_recovery_key(settings: Settings) -> bool:
    """Whether a recovery key was shown to somebody once."""
    return public_file(settings).exists()


def make_recovery_key(settings: Settings, show: Show) -> None:
    """From now on backups are made for a new recovery key; earlier ones need the earlier key."""
    check_schema(open_engine(settings.database_url))
    key = new_recovery_key()
    # Shown first: a key that is in use but was never seen would be worse than an unused one.
    show(key)
    write_private(public_file(settings), key.public.hex() + "\n")


def public_file(settings: Settings) -> Path:
    """The public half of the recovery key."""
    return settings.secrets / "recovery-key.public"


def _public_half(settings: Settings) -> bytes:
    path = public_file(settings)
    if not path.exists():
        raise Refused(
            "recovery_key: there is none yet, so nobody could read the backup; `fleet backup -o "
            "FILE` makes one and shows it"
        )
    try:
        public = bytes.fromhex(path.read_text().strip())
        fingerprint(public)
    except ValueError:
        raise EffectFailed(
            f"recovery_key: its public half {path} is damaged; `fleet backup --new-key` makes "
            "another one"
        ) from None
    return public


def _content(settings: Settings) -> dict[str, Any]:
    engine = open_engine(settings.database_url)
    check_schema(engine)
    # The records first: a master key that is made meanwhile is in the file, one dropped is not
    # needed, because a rotation keeps the key before.
    records = dump(engine)
    return {"records": records, "settings": as_toml(settings), "files": _files(settings.home)}


def _files(home: Path) -> dict[str, str]:
    found = (path for path in sorted(home.rglob("*")) if path.is_file() and not path.is_symlink())
    return {
        str(path.relative_to(home)): b64encode(path.read_bytes()).decode()
        for path in found
        if not _is_made_anew(path.relative_to(home))
    }


def _is_made_anew(name: Path) -> bool:
    top = name.parts[0]
    return top in MADE_ANEW or top.startswith(("records.db", ".")) or name.suffix == SUFFIX


def _write_new(path: Path, content: bytes) -> None:
    """The file appears as a whole, and never in the place of another."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        raise _is_there(path) from None
    except OSError as error:
        raise EffectFailed(f"backup {path}: it cannot be written ({error.strerror})") from error
    finally:
        draft.unlink(missing_ok=True)


def _is_there(path: Path) -> Refused:
    return refusal("output", str(path), "there is such a file; a new name is accepted")
