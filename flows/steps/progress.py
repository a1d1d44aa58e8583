"""Telling how far a roll is: in the run, on the command line, in the history."""

from __future__ import annotations

from flows.adapters.site import Site
from flows.domain.instance import Instance
from flows.domain.probing import Measured
from flows.domain.progress import UNKNOWN_PACE_SECONDS, Part, progress_of


class RollProgress:
    """So many brokers have their turn; each one that had it tells how long the others may take.

    Within a turn it moves with what is behind the broker.
    """

    def __init__(self, site: Site, instance: Instance, brokers: int) -> None:
        self._site = site
        self._brokers = brokers
        self._done = 0
        self._pace = instance.seconds_per_broker or UNKNOWN_PACE_SECONDS
        self._tell()

    def reached(self, part: Part) -> None:
        """The broker whose turn it is has come so far."""
        self._tell(part.share)

    def broker_done(self, found: Measured | None) -> None:
        """One more had its turn."""
        self._done += 1
        self._pace = found.took if found else self._pace
        self._tell()

    def _tell(self, of_this_turn: float = 0.0) -> None:
        progress = progress_of(self._done + of_this_turn, self._brokers, self._pace)
        self._site.records.note_progress(self._site.epoch, progress)
        self._site.stage.progress(progress.percent, progress.words)
