"""Waiting for a condition: always with a limit and a sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from flows.adapters.site import Site
from flows.domain.errors import EffectFailed, GateTimeout
from flows.steps.step import step

POLL_SECONDS, SHORT_SECONDS = 0.2, 0.1
LOOK_SECONDS = 2.0
"""How often is looked how far things are: that costs more than asking whether they are there."""


@dataclass(frozen=True)
class Gate:
    """A condition with its name and limit; `reason` says what is missing, None when it is true.

    With `moving`, which tells how far things are, the limit counts from its last new answer: what
    moves is waited for, however long it takes. Where looking is cheap and people wait for each
    turn, `pause_seconds` is less than usual.
    """

    words: str
    limit_seconds: float
    reason: Callable[[Site], str | None]
    moving: Callable[[Site], object] | None = None
    pause_seconds: float = POLL_SECONDS


def steady(gate: Gate, looks: int) -> Gate:
    """The same condition, true at so many looks in a row."""
    seen: list[None] = []

    def reason(site: Site) -> str | None:
        if (missing := gate.reason(site)) is not None:
            seen.clear()
            return missing
        seen.append(None)
        return None if len(seen) >= looks else f"seen {len(seen)} times in a row, of {looks}"

    return replace(gate, reason=reason)


@step("wait until {gate.words}")
def wait_for(site: Site, gate: Gate) -> None:
    """The condition is true; GateTimeout says what was missing when the limit was reached."""
    wait(site, gate)


def wait(site: Site, gate: Gate) -> None:
    """The same within a step, without a title of its own."""
    if (reason := _reason(site, gate)) is None:
        return
    # How far things are is asked later only: it costs what those who are waited for need.
    place: object = None
    looked = site.clock.monotonic()
    deadline = looked + gate.limit_seconds
    while reason is not None:
        if (now := site.clock.monotonic()) - looked >= min(LOOK_SECONDS, gate.limit_seconds):
            before, place, looked = place, _place(site, gate), now
            deadline = deadline if place == before else now + gate.limit_seconds
        if now >= deadline:
            limit = f"{gate.limit_seconds:.0f} s"
            raise GateTimeout(f"waited {limit} until {gate.words}, in vain: {reason}")
        site.clock.pause(gate.pause_seconds)
        reason = _reason(site, gate)


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
