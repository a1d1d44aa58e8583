"""Doing one thing on every machine at once."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

A = TypeVar("A")
B = TypeVar("B")

AT_ONCE = 8


def on_each(work: Callable[[A], B], subjects: Iterable[A], at_once: int = AT_ONCE) -> list[B]:
    """The results in the order of the subjects; the first failure is raised after all ended."""
    with ThreadPoolExecutor(max_workers=at_once) as pool:
        return [future.result() for future in [pool.submit(work, each) for each in subjects]]
