"""Kafka and ZooKeeper as checked tarballs, built once on this machine."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import distributions
from flows.domain.errors import EffectFailed


class CachedDistributions:
    """Implements `Distributions` with the tarballs of the cache; builds what is missing."""

    def __init__(self, cache: Path, say: Callable[[str], None]) -> None:
        self._cache = cache
        self._say = say

    def tarball(self, name: str) -> Path:
        """The tarball, every jar of it checked against the committed sums."""
        try:
            return distributions.tarball(name, self._cache, self._say)
        except distributions.DistributionError as error:
            raise EffectFailed(str(error)) from error
