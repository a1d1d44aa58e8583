"""Effects of the fake world: numbered by the world itself, each can fail or kill."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import Enum
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from flows.domain.errors import EffectFailed

P = ParamSpec("P")
T = TypeVar("T")


class Killed(BaseException):
    """The process that carried the operation out is gone; nobody can catch it."""


class Broken(BaseException):
    """A rule of the world does not hold; no procedure can catch it and go on."""


class Trouble(Enum):
    """What happens at the chosen effect."""

    FAILS = "fails"
    REPORT_LOST = "happens, its report is lost"
    KILLED_BEFORE = "the process is killed before it"
    KILLED_AFTER = "the process is killed after it"


@dataclass
class Effects:
    """Counts every effect and troubles one of them; `check` is called after each."""

    check: Callable[[], None]
    trouble_at: int | None = None
    trouble: Trouble = Trouble.FAILS
    log: list[str] = field(default_factory=list)
    dead: bool = False
    lock: threading.RLock = field(default_factory=threading.RLock)

    @contextmanager
    def happening(self, name: str) -> Iterator[None]:
        """One effect: the body is what it does to the world."""
        with self.lock:
            if self.dead:
                raise Killed
            troubled = len(self.log) == self.trouble_at
            self.log.append(name)
            self._before(name, troubled)
            yield
            self._check(name)
            self._after(name, troubled)

    def __getstate__(self) -> dict[str, Any]:
        """A copy of a world has all but the lock, which is no part of what happened."""
        return {name: value for name, value in vars(self).items() if name != "lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state, lock=threading.RLock())

    def heal(self) -> None:
        """A new process goes on; no more trouble."""
        self.dead, self.trouble_at = False, None

    def _check(self, name: str) -> None:
        try:
            self.check()
        except AssertionError as broken:
            raise Broken(f"after {name}: {broken}") from broken

    def _before(self, name: str, troubled: bool) -> None:
        if troubled and self.trouble is Trouble.FAILS:
            raise EffectFailed(f"{name} failed")
        if troubled and self.trouble is Trouble.KILLED_BEFORE:
            self._die()

    def _after(self, name: str, troubled: bool) -> None:
        if troubled and self.trouble is Trouble.REPORT_LOST:
            raise EffectFailed(f"the report of {name} was lost")
        if troubled and self.trouble is Trouble.KILLED_AFTER:
            self._die()

    def _die(self) -> None:
        self.dead = True
        raise Killed


class Fake:
    """A fake adapter: it has the effects of its world."""

    effects: Effects


F = TypeVar("F", bound=Fake)


def changes(
    work: Callable[Concatenate[F, P], T],
) -> Callable[Concatenate[F, P], T]:
    """Marks a method of a fake as one that changes the world: an effect of its own."""

    @wraps(work)
    def effect(self: F, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.effects.happening(f"{type(self).__name__}.{work.__name__}"):
            return work(self, *args, **kwargs)

    marked: Any = effect
    marked.changes = True
    return effect
