"""Which bundle clients have: a number that rises whenever a bundle would say something else."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

from flows.domain.wish import Wish


def bundle_version(wishes: Iterable[Wish]) -> int:
    """The number of the present bundle; `wishes` are all revisions of an instance, oldest first.

    It only rises: what a roll-back brings back is a new version.
    """
    return 1 + sum(_said(before) != _said(after) for before, after in pairwise(wishes))


def _said(wish: Wish) -> tuple[object, ...]:
    """What of the wish stands in a bundle: addresses, login, and whom to trust."""
    trusted = (wish.client_facing.trusted, wish.client_facing.uploaded)
    return (wish.name, wish.brokers, wish.first_user, wish.mechanisms, wish.mutual_tls, trusted)
