"""Which topics take the disks of an instance, by all their replicas (guide, section 7.11)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from flows.domain.cluster import Replica
from flows.domain.errors import refusal

_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?([KMGT]?B)\Z", re.IGNORECASE)
_UNITS = {"B": 1, "KB": 1 << 10, "MB": 1 << 20, "GB": 1 << 30, "TB": 1 << 40}
ROWS = 10
"""Topics that are shown when nobody says how many."""


@dataclass(frozen=True)
class Selection:
    """Which topics are asked for: the `top` largest of those above both limits.

    `above_percent` is of the data disks of all brokers together.
    """

    top: int = ROWS
    above_bytes: int = 0
    above_percent: float = 0.0
    internal: bool = False


@dataclass(frozen=True)
class TopicUsage:
    """What all replicas of a topic take; `percent` of all data disks, None while unknown."""

    topic: str
    partitions: int
    replicas: int
    bytes: int
    percent: float | None


def read_selection(
    top: int, above: str, above_percent: float | None, *, internal: bool
) -> Selection:
    """The selection that was typed; an empty `above` and no percentage mean every topic."""
    if top < 1:
        raise refusal("top", top, "a number of topics from 1 on is accepted")
    if above_percent is not None and not 0 <= above_percent <= 100:
        raise refusal("above_percent", above_percent, "0 to 100 percent are accepted")
    size = read_size("above", above) if above else 0
    return Selection(top, size, above_percent or 0.0, internal)


def read_size(field: str, text: str) -> int:
    """Bytes in `500MB`, `10GB` or `1.5TB`; a GB has 1024 MB, as everywhere in the product."""
    match = _SIZE.match(text.strip())
    if match is None:
        raise refusal(field, text, "a size such as 500MB, 10GB or 1.5TB is accepted")
    return int(float(match[1]) * _UNITS[match[2].upper()])


def largest_topics(
    replicas: Iterable[Replica], disk_bytes: int | None, selection: Selection
) -> tuple[tuple[TopicUsage, ...], int]:
    """The selected topics, the largest first, and how many more there are above the limits.

    `disk_bytes` is what all data disks hold together, None when one of them is not known.
    """
    usages = [
        usage
        for usage in _usages(replicas, disk_bytes)
        if (selection.internal or not usage.topic.startswith("__"))
        and usage.bytes >= selection.above_bytes
        and (not selection.above_percent or (usage.percent or 0) >= selection.above_percent)
    ]
    usages.sort(key=lambda usage: (-usage.bytes, usage.topic))
    return tuple(usages[: selection.top]), max(0, len(usages) - selection.top)


def bytes_on_brokers(replicas: Iterable[Replica]) -> dict[int, int]:
    """Broker -> what all replicas on it take."""
    found: defaultdict[int, int] = defaultdict(int)
    for replica in replicas:
        found[replica.broker] += replica.bytes
    return dict(found)


def _usages(replicas: Iterable[Replica], disk_bytes: int | None) -> Iterable[TopicUsage]:
    of_topic: defaultdict[str, list[Replica]] = defaultdict(list)
    for replica in replicas:
        of_topic[replica.topic].append(replica)
    for topic, parts in of_topic.items():
        size = sum(part.bytes for part in parts)
        yield TopicUsage(
            topic=topic,
            partitions=len({part.partition for part in parts}),
            replicas=len(parts),
            bytes=size,
            percent=100 * size / disk_bytes if disk_bytes else None,
        )
