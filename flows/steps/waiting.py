"""Waiting for a condition: always with a limit and a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from flows.adapters.site import Site
from flows.domain.errors import EffectFailed, GateTimeout
from flows.steps.step import step

POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Gate:
    """A condition with its name and limit; `reason` says what is missing, None when it is true.

    With `moving`, which tells how far things are, the limit counts from its last new answer: what
    moves is waited for, however long it takes.
    """

    words: str
    limit_seconds: float
    reason: Callable[[Site], str | None]
    moving: Callable[[Site], object] | None = None


@step("wait until {gate.words}")
def wait_for(site: Site, gate: Gate) -> None:
    """The condition is true; GateTimeout says what was missing when the limit was reached."""
    wait(site, gate)


def wait(site: Site, gate: Gate) -> None:
    """The same within a step, without a title of its own."""
    deadline, place = site.clock.monotonic() + gate.limit_seconds, _place(site, gate)
    while (reason := _reason(site, gate)) is not None:
        if (now := _place(site, gate)) != place:
            deadline, place = site.clock.monotonic() + gate.limit_seconds, now
        if site.clock.monotonic() >= deadline:
            limit = f"{gate.limit_seconds:.0f} s"
            raise GateTimeout(f"waited {limit} until {gate.words}, in vain: {reason}")
        site.clock.pause(POLL_SECONDS)


def _reason(site: Site, gate: Gate) -> str | None:
    # A door that does not answer yet is what we wait for, not a failure.
    try:
        return gate.reason(site)
    except EffectFailed as failure:
        return str(failure)


def _place(site: Site, gate: Gate) -> object:
    try:
        return gate.moving(site) if gate.moving else None
    except EffectFailed:
        return None
