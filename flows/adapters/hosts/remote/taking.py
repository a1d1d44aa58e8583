"""A host that is taken or given back: the line of a key, and the marker when it stands alone."""

import os
import pwd
import shutil
from typing import Any

STATE = "/etc/kafka-fleet"
CLAIM_FILES = {"owner", "epoch"}


def let_in(user: str, key: str) -> bool:
    """The user's `authorized_keys` has the line, once; answers whether it was added."""
    path = _authorized_keys(user)
    lines = _lines(path)
    if key in lines:
        return False
    _write(user, path, [*lines, key])
    return True


def give_back(user: str, owner: str) -> dict[str, Any]:
    """The marker of `owner` is gone when nothing else was put here, and its keys with it.

    `owner` in the answer is whose host it is afterwards: None when it is clean.
    """
    if _owner() == owner and set(os.listdir(STATE)) <= CLAIM_FILES:
        shutil.rmtree(STATE)
    if _owner() != owner:
        _lock_out(user, owner)
    return {"owner": _owner(), "epoch": _epoch()}


def _lock_out(user: str, owner: str) -> None:
    path = _authorized_keys(user)
    lines = _lines(path)
    kept = [line for line in lines if not line.endswith(f" kafka-fleet {owner}")]
    if kept != lines:
        _write(user, path, kept)


def _owner() -> Any:
    return _text("owner") or None


def _epoch() -> int:
    return int(_text("epoch") or 0)


def _text(name: str) -> str:
    try:
        with open(os.path.join(STATE, name), encoding="ascii") as file:
            return file.read().strip()
    except FileNotFoundError:
        return ""


def _authorized_keys(user: str) -> str:
    return os.path.join(pwd.getpwnam(user).pw_dir, ".ssh", "authorized_keys")


def _lines(path: str) -> list[str]:
    try:
        with open(path, encoding="utf-8") as file:
            return file.read().splitlines()
    except FileNotFoundError:
        return []


def _write(user: str, path: str, lines: list[str]) -> None:
    """The file is either the old one or the new one, and its user's."""
    found = pwd.getpwnam(user)
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        os.mkdir(directory, 0o700)
        os.chown(directory, found.pw_uid, found.pw_gid)
    mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o600
    partial = f"{path}.kafka-fleet"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with open(descriptor, "w", encoding="utf-8") as file:
        file.write("".join(f"{line}\n" for line in lines))
        os.fchmod(file.fileno(), mode)
        os.fchown(file.fileno(), found.pw_uid, found.pw_gid)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
