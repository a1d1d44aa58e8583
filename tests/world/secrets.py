"""Secrets of the fake world."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from flows.domain.errors import Refused
from tests.world.effects import Effects, Fake, changes

_MADE: dict[tuple[str, ...], str] = {}
"""What was made once: worlds are alike, and keys, certificates and hashes are dear to make.

Passwords are made anew, and what is made of them, of an upload or by an authority is told apart by
them, and by the day: certificates have one on which they end.
"""


class FakeSecrets(Fake):
    """Implements `Secrets` on a dictionary."""

    def __init__(self, effects: Effects, now: Callable[[], datetime] | None = None) -> None:
        self.effects = effects
        self._now = now
        self.kept: dict[tuple[str, str], str] = {}
        self.blocks: dict[str, str] = {}

    def keep(self, instance_id: str, name: str, make: Callable[[], str]) -> str:
        """The secret of that name; made when there is none."""
        if (instance_id, name) not in self.kept:
            self.put(instance_id, name, self._made(instance_id, name, make))
        return self.kept[instance_id, name]

    def get(self, instance_id: str, name: str) -> str | None:
        """The secret, if there is one."""
        return self.kept.get((instance_id, name))

    @changes
    def put(self, instance_id: str, name: str, value: str) -> None:
        """The secret has the value."""
        self.kept[instance_id, name] = value

    def drop(self, instance_id: str, name: str) -> None:
        """It is gone; an effect only when it was there."""
        if (instance_id, name) in self.kept:
            self._drop(instance_id, name)

    @changes
    def _drop(self, instance_id: str, name: str) -> None:
        del self.kept[instance_id, name]

    @changes
    def forget(self, instance_id: str) -> None:
        """No secret of the instance is left."""
        for key in [key for key in self.kept if key[0] == instance_id]:
            del self.kept[key]

    def resolve(self, reference: str) -> str:
        """The value of a block."""
        if reference not in self.blocks:
            raise Refused("secret: there is no Secret block of that name or id")
        return self.blocks[reference]

    @changes
    def discard(self, reference: str) -> None:
        """A block made for one request is gone."""
        if reference.startswith("fleet-run-"):
            self.blocks.pop(reference, None)

    def _made(self, instance_id: str, name: str, make: Callable[[], str]) -> str:
        # A line for PLAIN makes its password on the way: too late to be told apart by it.
        if "password" in name or name.startswith("plain-"):
            return make()
        day = str(self._now().date()) if self._now else ""
        key = (instance_id, name, day, *self._grounds(instance_id))
        if key not in _MADE:
            _MADE[key] = make()
        return _MADE[key]

    def _grounds(self, instance_id: str) -> list[str]:
        given = ("password", "upload", "-authority-")
        ours = (
            name
            for of, name in self.kept
            if of == instance_id and any(each in name for each in given)
        )
        return [self.kept[instance_id, name] for name in sorted(ours)]
