"""The flavor table (guide section 1.4): what a broker's machine is and what it is good for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Flavor:
    """One row of the table; rates and counts are per broker, storage is of the whole instance."""

    name: str
    vcpus: int
    memory_gb: int
    min_brokers: int
    max_brokers: int
    tps: int
    partitions: int
    consumer_groups: int
    connections: int
    min_storage_gb: int
    max_storage_gb: int
    megabytes_per_second: int


_ROWS = (
    Flavor("kafka.2u4g.cluster", 2, 4, 3, 30, 30_000, 250, 20, 2_000, 300, 300_000, 100),
    Flavor("kafka.4u8g.cluster", 4, 8, 3, 30, 100_000, 500, 100, 4_000, 300, 600_000, 200),
    Flavor("kafka.8u16g.cluster", 8, 16, 3, 50, 150_000, 1_000, 150, 4_000, 300, 1_500_000, 250),
    Flavor("kafka.12u24g.cluster", 12, 24, 3, 50, 200_000, 1_500, 200, 4_000, 300, 1_500_000, 375),
    Flavor("kafka.16u32g.cluster", 16, 32, 3, 50, 250_000, 2_000, 200, 4_000, 300, 1_500_000, 500),
)

FLAVORS: dict[str, Flavor] = {row.name: row for row in _ROWS}


class FlavorName(StrEnum):
    """The flavors a new instance can have."""

    SMALL = "kafka.2u4g.cluster"
    MEDIUM = "kafka.4u8g.cluster"
    LARGE = "kafka.8u16g.cluster"
    XLARGE = "kafka.12u24g.cluster"
    XXLARGE = "kafka.16u32g.cluster"
