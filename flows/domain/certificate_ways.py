"""How a running broker comes to another certificate: live, or at its next start only.

Kafka compares subject and names of a listener's certificate with those of the one in use. From 2.7
on it takes more names live, and no fewer; older releases take other names in the file in use only.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from flows.domain.versions import Version


class Way(StrEnum):
    """How a certificate comes to be served, in words for a plan."""

    NEW_FILE = "live, from a new file: no restart, no connection is cut"
    SAME_FILE = (
        "live, in the same file: this release takes other names only in the file in use; no "
        "restart, no connection is cut"
    )
    ROLLING = "rolling: Kafka takes another subject or fewer names only at its start"


def way_to_names(release: Version, before: Iterable[str], after: Iterable[str]) -> Way:
    """The way from a certificate of these names to one of those, of the same subject."""
    had, gets = set(before), set(after)
    if had == gets:
        return Way.NEW_FILE
    if not release.more_names_live:
        return Way.SAME_FILE
    return Way.NEW_FILE if had <= gets else Way.ROLLING
