"""Legacy flavors (guide 1.4, 7.1, 17.3.14): rows by the bandwidth of a whole instance.

No new instance is made of them. They are read in old records, compared in the sizing helper, and
say what an old instance may become: bandwidth can grow (which adds brokers), storage can grow,
nothing shrinks, and there is no other flavor to change to.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from flows.domain.errors import refusal
from flows.domain.flavors import FLAVORS, Flavor


@dataclass(frozen=True)
class LegacyFlavor:
    """One row; bandwidth in MB/s and connections are of the whole instance.

    `equivalent` is the flavor of today and its number of brokers, where the guide maps one.
    """

    bandwidth: int
    connections: int
    equivalent: tuple[str, int] | None = None

    @property
    def name(self) -> str:
        """As the guide's list of instances shows it: `300 MB/s`."""
        return f"{self.bandwidth} MB/s"

    @property
    def flavor(self) -> Flavor | None:
        """The row of today's table that it is mapped to."""
        return FLAVORS[self.equivalent[0]] if self.equivalent else None


_ROWS = (
    LegacyFlavor(100, 3_000),
    LegacyFlavor(300, 10_000, ("kafka.2u4g.cluster", 3)),
    LegacyFlavor(600, 20_000, ("kafka.4u8g.cluster", 3)),
    LegacyFlavor(1200, 20_000, ("kafka.4u8g.cluster", 6)),
)
LEGACY_FLAVORS: dict[str, LegacyFlavor] = {row.name: row for row in _ROWS}

_WRITTEN = re.compile(r"\s*(\d+)\s*MB(?:/s)?\s*\Z", re.IGNORECASE)


def read_legacy_flavor(text: str) -> LegacyFlavor:
    """The row that an old record names: `300 MB/s`, `300MB`; Refused for any other."""
    found = _WRITTEN.match(text)
    row = LEGACY_FLAVORS.get(f"{int(found[1])} MB/s") if found else None
    if row is None:
        raise refusal("flavor", text, f"legacy flavors are {', '.join(LEGACY_FLAVORS)}")
    return row


def may_become(present: LegacyFlavor) -> tuple[LegacyFlavor, ...]:
    """The rows to which the bandwidth can grow; it never shrinks."""
    return tuple(row for row in _ROWS if row.bandwidth > present.bandwidth)
