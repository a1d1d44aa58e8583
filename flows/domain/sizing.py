"""Sizing before creation (guide 1.4): which flavor, how many brokers, how much storage.

Pure arithmetic on the flavor table; 1 GB is 1000 MB here, which errs towards more storage.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from math import ceil
from types import MappingProxyType

from pydantic import Field, field_validator

from flows.domain.errors import Refused, refusal
from flows.domain.flavors import FLAVORS, Flavor
from flows.domain.legacy_flavors import LEGACY_FLAVORS, LegacyFlavor
from flows.domain.request import Request

SPARE_GB = 100
"""What Kafka's and ZooKeeper's own files may need beside the data."""
STEP_GB = 100

_RANGES: Mapping[str, tuple[int, int]] = MappingProxyType(
    {
        "retention_hours": (1, 720),
        "replicas": (1, 3),
        "partitions": (1, 100_000),
        "connections": (1, 1_000_000),
    }
)


class Load(Request):
    """What an instance shall carry."""

    mbps: float = Field(title="Produced MB/s", description="Produced by clients at the peak.")
    retention_hours: int = Field(
        default=72, title="Retention (hours)", description="How long messages are kept."
    )
    replicas: int = Field(default=3, title="Replicas", description="Of every topic: 1 to 3.")
    partitions: int = Field(
        default=100, title="Partitions", description="Of all topics together, replicas not counted."
    )
    connections: int = Field(
        default=1000, title="Connections", description="Of all clients at once, to all brokers."
    )

    @field_validator("mbps")
    @classmethod
    def _mbps(cls, mbps: float) -> float:
        if not 0 < mbps <= 100_000:
            raise refusal("mbps", mbps, "more than 0 and at most 100000 MB/s are accepted")
        return mbps

    @field_validator(*_RANGES)
    @classmethod
    def _in_range(cls, value: int, info: object) -> int:
        name = str(getattr(info, "field_name", ""))
        lowest, highest = _RANGES[name]
        if not lowest <= value <= highest:
            raise refusal(name, value, f"{lowest} to {highest} are accepted")
        return value

    @property
    def traffic(self) -> float:
        """MB/s of all brokers together: reading is as much as writing, each once per replica."""
        return self.mbps * self.replicas * 2

    @property
    def storage_gb(self) -> float:
        """GB of all brokers together: the data, once per replica, and what is spare."""
        return self.mbps * 3600 * self.retention_hours * self.replicas / 1000 + SPARE_GB


@dataclass(frozen=True)
class Size:
    """A flavor, a number of brokers, and GB of storage per broker."""

    flavor: Flavor
    brokers: int
    storage_per_broker: int

    @property
    def cost(self) -> tuple[int, int, int]:
        """What makes a size cheaper than another: vCPUs in all, then brokers, then GB in all."""
        vcpus = self.flavor.vcpus * self.brokers
        return vcpus, self.brokers, self.storage_per_broker * self.brokers


@dataclass(frozen=True)
class Limit:
    """One limit of a size: what the load needs of it, and what there is."""

    name: str
    need: Callable[[Load], float]
    have: Callable[[Size], float]
    unit: str = ""

    def holds(self, load: Load, size: Size) -> bool:
        """Whether the size has what the load needs."""
        return self.need(load) <= self.have(size)


LIMITS = (
    Limit("traffic", lambda load: load.traffic,
          lambda size: size.flavor.megabytes_per_second * size.brokers, "MB/s"),
    Limit("storage", lambda load: load.storage_gb,
          lambda size: size.storage_per_broker * size.brokers, "GB"),
    Limit("partitions", lambda load: load.partitions,
          lambda size: size.flavor.partitions * size.brokers),
    Limit("connections", lambda load: load.connections,
          lambda size: size.flavor.connections * size.brokers),
    Limit("brokers", lambda load: load.replicas, lambda size: size.brokers),
)  # fmt: skip


@dataclass(frozen=True)
class Advice:
    """The cheapest size that carries a load, and the limits that allow no cheaper one.

    `decided_by` is empty when the smallest size there is has enough of everything. `legacy` is
    the smallest legacy flavor that would do, if any.
    """

    load: Load
    size: Size
    decided_by: tuple[str, ...]
    legacy: LegacyFlavor | None


def size_for(load: Load) -> Advice:
    """The cheapest size whose every limit holds; Refused, naming the limit, when none has it."""
    fitting = _cheapest(load, LIMITS)
    if fitting is None:
        raise _too_much(load)
    return Advice(load, fitting, _decided_by(load, fitting), _legacy_for(load))


def sizes(load: Load) -> Iterator[Size]:
    """Every flavor with every number of brokers, with the storage that the load needs there.

    Where the flavor has no such storage, with as much as it has.
    """
    for flavor in FLAVORS.values():
        for brokers in range(flavor.min_brokers, flavor.max_brokers + 1):
            wanted = ceil(load.storage_gb / brokers / STEP_GB) * STEP_GB
            most = flavor.max_storage_gb // brokers // STEP_GB * STEP_GB
            yield Size(flavor, brokers, max(STEP_GB, min(wanted, most)))


def _cheapest(load: Load, limits: Iterable[Limit]) -> Size | None:
    kept = tuple(limits)
    fitting = (size for size in sizes(load) if all(limit.holds(load, size) for limit in kept))
    return min(fitting, key=lambda size: size.cost, default=None)


def _decided_by(load: Load, answer: Size) -> tuple[str, ...]:
    """The limits without which a cheaper size would do; all that hinder the next cheaper one
    where no limit alone decides."""
    alone = [
        limit.name
        for limit in LIMITS
        if (without := _cheapest(load, [each for each in LIMITS if each is not limit]))
        and without.cost[:2] < answer.cost[:2]
    ]
    if alone:
        return tuple(alone)
    cheaper = [size for size in sizes(load) if size.cost[:2] < answer.cost[:2]]
    if not cheaper:
        return ()
    next_cheaper = max(cheaper, key=lambda size: size.cost)
    return tuple(limit.name for limit in LIMITS if not limit.holds(load, next_cheaper))


def _too_much(load: Load) -> Refused:
    """Names the limit that no size has enough of; several can also fail only together."""
    everything = list(sizes(load))
    for limit in LIMITS:
        most = max(limit.have(size) for size in everything)
        if limit.need(load) > most:
            unit = f" {limit.unit}" if limit.unit else ""
            return Refused(
                f"{limit.name}: {limit.need(load):,.0f}{unit} are needed, and the largest instance "
                f"has {most:,.0f}{unit}; split the load over several instances"
            )
    return Refused("load: no instance carries it; split it over several instances")


def _legacy_for(load: Load) -> LegacyFlavor | None:
    fitting = (
        row
        for row in LEGACY_FLAVORS.values()
        if load.traffic <= row.bandwidth and load.connections <= row.connections
    )
    return min(fitting, key=lambda row: row.bandwidth, default=None)
