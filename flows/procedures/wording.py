"""Whatever goes wrong in an operation has a sentence of the product."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flows.adapters.site import Site
from flows.domain.errors import EffectFailed, ServiceError
from flows.steps.step import check_held


@contextmanager
def in_our_words(site: Site | None = None) -> Iterator[None]:
    """Whatever goes wrong has a sentence; who lost the instance has nothing else to say of it."""
    try:
        yield
    except Exception as error:
        if site is not None:
            check_held(site)
        if isinstance(error, ServiceError):
            raise
        words = f"an error that nobody expected, {type(error).__name__}: {error}"
        raise EffectFailed(words) from error
    if site is not None:
        check_held(site)
