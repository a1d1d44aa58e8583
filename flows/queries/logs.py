"""What Kafka and ZooKeeper logged on the machines of an instance."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from queue import SimpleQueue
from threading import Thread

from flows.adapters.site import Doors
from flows.domain import paths
from flows.domain.errors import EffectFailed, refusal
from flows.domain.instance import Broker, Instance
from flows.queries.lookup import placed

UNITS = {"kafka": paths.KAFKA_UNIT, "zookeeper": paths.ZOOKEEPER_UNIT}

_SPAN = re.compile(r"\d+[smhd]\Z")


def logs(doors: Doors, name: str, broker: int | None, wish: tuple[str, str, bool]) -> Iterator[str]:
    """Lines of a unit's journal on one broker or all; `wish` is unit, since and follow."""
    unit, since, follow = wish
    if unit not in UNITS:
        raise refusal("unit", unit, f"accepted are {', '.join(UNITS)}")
    instance = placed(doors.records, name)
    chosen = _brokers(instance, broker, unit)
    hosts = doors.hosts(instance.id)
    moment = f"{since} ago" if _SPAN.match(since) else since
    sources = {
        each.id: hosts.logs(each.machine, UNITS[unit], moment, follow)
        for each in chosen
        if each.machine is not None
    }
    if len(sources) == 1:
        yield from next(iter(sources.values()))
    elif follow:
        yield from _as_they_come(sources)
    else:
        yield from _one_after_the_other(sources)


def _brokers(instance: Instance, number: int | None, unit: str) -> Sequence[Broker]:
    among = instance.ensemble if unit == "zookeeper" else instance.brokers
    chosen = [each for each in among if number in (None, each.id)]
    if not chosen:
        accepted = ", ".join(str(each.id) for each in among)
        raise refusal("broker", number, f"accepted for {unit} are {accepted}")
    if not any(each.machine for each in chosen):
        raise EffectFailed(f"instance {instance.name}: it has no machines yet")
    return chosen


def _one_after_the_other(sources: Mapping[int, Iterator[str]]) -> Iterator[str]:
    for broker, lines in sources.items():
        for line in lines:
            yield f"broker {broker}: {line}"


def _as_they_come(sources: Mapping[int, Iterator[str]]) -> Iterator[str]:
    """Lines of several brokers, mixed as they arrive, each with its broker in front."""
    arrived: SimpleQueue[str | BaseException | None] = SimpleQueue()
    for broker, lines in sources.items():
        Thread(target=_pour, args=(broker, lines, arrived), daemon=True).start()
    open_sources = len(sources)
    while open_sources:
        line = arrived.get()
        if line is None:
            open_sources -= 1
        elif isinstance(line, BaseException):
            raise line
        else:
            yield line


def _pour(broker: int, lines: Iterator[str], into: SimpleQueue[str | BaseException | None]) -> None:
    try:
        for line in lines:
            into.put(f"broker {broker}: {line}")
    except BaseException as error:
        into.put(error)
    into.put(None)
