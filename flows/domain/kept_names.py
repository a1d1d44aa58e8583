"""Names that certificates keep although clients come by them no more.

Kafka 2.7 refuses a certificate without a name that the same process has served. So a name stays
until the product starts the broker anew: who does that gives it a certificate without it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from flows.domain.access import ServedNames
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import Listener

UNTIL = "until the broker is started anew (restart-instance, or whatever else rolls)"


@dataclass(frozen=True)
class KeptNames:
    """The names that one certificate keeps."""

    broker: int
    listener: str
    names: tuple[str, ...]

    @property
    def words(self) -> str:
        """`broker 1 PUBLIC: 203.0.113.1`."""
        return f"broker {self.broker} {self.listener}: {', '.join(self.names)}"


def kept_names(instance: Instance) -> tuple[KeptNames, ...]:
    """The names that certificates keep until their brokers are started anew."""
    access = instance.wish.access.model_copy(update={"served": ()})
    bare = replace(instance, wish=instance.wish.model_copy(update={"access": access}))
    found = (
        KeptNames(broker.id, str(each.name), tuple(sorted(left)))
        for broker, each in _secured(instance)
        if (left := set(each.certificate_names) - _names_of(bare, broker, each))
    )
    return tuple(found)


def still_keeps(instance: Instance, served: ServedNames) -> bool:
    """Whether the broker was not started anew by anybody's wish since it served the names."""
    return served.start >= instance.wish.start_of(served.broker)


def drops_names(instance: Instance, broker: Broker) -> bool:
    """Whether the broker, once it is started as it is wished, has names that it need not keep."""
    return any(
        each.broker == broker.id and not still_keeps(instance, each)
        for each in instance.wish.access.served
    )


def kept_sentence(instance: Instance) -> str | None:
    """Which names are kept where, and until when; None when there are none."""
    kept = kept_names(instance)
    if not kept:
        return None
    return (
        "names by which clients come no more stay in the certificates, because a broker that has "
        f"served a name does not take a certificate without it, {UNTIL}: "
        f"{'; '.join(each.words for each in kept)}"
    )


def _secured(instance: Instance) -> Iterator[tuple[Broker, Listener]]:
    for broker in instance.brokers:
        for listener in instance.listeners(broker):
            if listener.for_clients and listener.secured:
                yield broker, listener


def _names_of(instance: Instance, broker: Broker, listener: Listener) -> set[str]:
    found = instance.listeners(broker)
    return set(next(each for each in found if each.name is listener.name).certificate_names)
