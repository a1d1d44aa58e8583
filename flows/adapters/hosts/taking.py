"""A host of one's own, reached by its owner's key: looked at, taken, given back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.adapters.hosts.asking import ask
from flows.adapters.hosts.connection import Connection, Unreachable
from flows.adapters.hosts.reading import host_facts
from flows.adapters.hosts.ssh import CLAIM
from flows.domain.errors import EffectFailed
from flows.domain.instance import Machine
from flows.domain.machines import HostFacts
from flows.domain.paths import CONFIG

_REMOTE = Path(__file__).parent / "remote"


@dataclass(frozen=True)
class Rest:
    """Whose host it still is after it was given back (None: nobody's), and its newest epoch."""

    owner: str | None
    epoch: int


def look(machine: Machine, key: str) -> HostFacts:
    """What the host is; EffectFailed in one sentence when it cannot be looked at by this key."""
    with _rooted(machine, key) as connection:
        asked = time.time()
        told = ask(connection, _REMOTE / "facts.py", "facts", device=machine.data_device)
        return host_facts(told, asked=asked, answered=time.time())


def take(machine: Machine, key: str, claim: tuple[str, int], authorized_key: str) -> None:
    """The host carries the marker of `claim` (owner, epoch), and lets the instance's key in.

    The marker comes first, so of two who want the host at the same moment one is refused.
    """
    owner, epoch = claim
    with _rooted(machine, key) as connection:
        ask(connection, CLAIM, "claim", state=CONFIG, owner=owner, epoch=epoch)
        answer: Any = {"user": machine.user, "key": authorized_key}
        ask(connection, _REMOTE / "taking.py", "let_in", **answer)


def give_back(machine: Machine, key: str, owner: str) -> Rest:
    """The keys of `owner` are not let in any more, unless more than its marker is left there."""
    with _rooted(machine, key) as connection:
        source = _REMOTE / "taking.py"
        told = ask(connection, source, "give_back", user=machine.user, owner=owner)
    return Rest(told["owner"], told["epoch"])


@contextmanager
def _rooted(machine: Machine, key: str) -> Iterator[Connection]:
    """A connection on which commands run as root."""
    try:
        connection = Connection(machine, key)
        try:
            answer = connection.run("true", limit=10)
            if answer.code:
                raise EffectFailed(
                    f"{machine.name} ({machine.address}): user {machine.user} cannot become root: "
                    f"{answer.errors or answer.code}; sudo without a password is needed"
                )
            yield connection
        finally:
            connection.close()
    except Unreachable as error:
        raise EffectFailed(str(error)) from None
