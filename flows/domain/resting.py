"""How often somebody looks at what needs the cores that a look takes."""

from __future__ import annotations

RESTS_PER_LOOK, MOST_SECONDS = 9, 5.0


def rest_after(look_seconds: float, least_seconds: float = 0.0) -> float:
    """How long nobody looks after a look: nine times as long as it took, 5 s at most.

    So looking takes a tenth of the time, however slow a look has become; one that got no answer
    in time is soon tried again.
    """
    return min(MOST_SECONDS, max(least_seconds, RESTS_PER_LOOK * look_seconds))
