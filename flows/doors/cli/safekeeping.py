"""`fleet backup` and `fleet restore`."""

from __future__ import annotations

from pathlib import Path

from flows.adapters.backup.recovery_key import RecoveryKey, fingerprint
from flows.doors.asker import at_the_terminal
from flows.doors.controlplane.backup import (
    Backup,
    back_up,
    back_up_into_directory,
    check_output,
    has_recovery_key,
    make_recovery_key,
)
from flows.doors.controlplane.restore import read_backup, restore
from flows.doors.secret_blocks import given_secret
from flows.settings import load_settings


def save(output: Path | None, *, new_key: bool) -> None:
    """A backup was made; the first one shows the recovery key before."""
    settings = load_settings()
    if output is not None:
        check_output(output)
    if new_key or not has_recovery_key(settings):
        make_recovery_key(settings, _show)
    asker = at_the_terminal()
    done = back_up(settings, output, asker) if output else back_up_into_directory(settings, asker)
    print(_sentence(done))


def bring_back(path: Path, key: str) -> None:
    """The home holds what the backup holds."""
    settings = load_settings()
    sealed = read_backup(settings, path)
    print(f"{path}: made {sealed.made:%Y-%m-%d %H:%M:%S} UTC, for the recovery key {sealed.key}")
    given = given_secret("recovery_key", key)
    done = restore(settings, path, given, at_the_terminal())
    print(
        f"restored into {settings.home}: {_count(done.instances)}; `fleet up` starts the control "
        "plane, and the next health check, within a minute, says how the instances are"
    )


def _show(key: RecoveryKey) -> None:
    print(
        f"This is the recovery key {fingerprint(key.public)}. It is shown now and never again.\n"
        "Keep it away from this machine: without it no backup can be read.\n\n"
        f"    {key.text()}\n",
        flush=True,
    )


def _sentence(done: Backup) -> str:
    return (
        f"backup {done.path}: {_count(done.instances)}, {done.size / 1000:.0f} kB; "
        f"`fleet restore` reads it with the recovery key {done.key}"
    )


def _count(instances: int) -> str:
    return "1 instance" if instances == 1 else f"{instances} instances"
