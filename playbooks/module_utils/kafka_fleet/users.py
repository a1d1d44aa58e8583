"""The system user that Kafka and ZooKeeper run as."""

from __future__ import annotations

import pwd

from .commands import run


def have_user(name: str, *, check: bool = False) -> list[str]:
    """There is such a user, who cannot log in; returns what was done."""
    if _exists(name):
        return []
    if not check:
        run(
            *("useradd", "--system", "--user-group", "--no-create-home"),
            *("--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin", name),
        )
    return [f"make user {name}"]


def remove_user(name: str) -> list[str]:
    """There is no such user and no group of that name."""
    if not _exists(name):
        return []
    run("userdel", name)
    return [f"remove user {name}"]


def _exists(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True
