"""What clients of other networks are served, at the addresses by which they come.

The control plane stands beside the brokers: what it sees there is not what they see.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from flows.domain.drift import client_networks
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import ListenerName
from flows.domain.vantage import Address, Answer, Network, address_of

ELSEWHERE = (ListenerName.PUBLIC, ListenerName.CROSS)
"""Listeners whose clients come by other addresses than the brokers' own."""


@dataclass(frozen=True)
class Place:
    """Where clients of another network come to a listener of a broker."""

    broker: int
    listener: ListenerName
    network: Network
    address: Address


def places_elsewhere(
    instance: Instance, broker: Broker, listeners: Collection[ListenerName]
) -> tuple[Place, ...]:
    """Those of the listeners of a broker to which clients of other networks come."""
    networks = client_networks(instance.wish)
    return tuple(
        Place(broker.id, each.name, networks[each.name], address_of(broker.id, each))
        for each in instance.listeners(broker)
        if each.name in ELSEWHERE and each.name in listeners and each.name in networks
    )


def by_network(places: Iterable[Place]) -> dict[Network, tuple[Place, ...]]:
    """The places that are asked together, from where their clients are."""
    found: dict[Network, tuple[Place, ...]] = {}
    for place in places:
        found[place.network] = (*found.get(place.network, ()), place)
    return found


def differs_there(answer: Answer, wished: Sequence[bytes]) -> str | None:
    """Why a client is not served this chain at that address; None when it is.

    A vantage with an old Python sees the listener's own certificate alone.
    """
    if answer.reason is not None:
        return answer.reason
    served = tuple(pem.encode() for pem in answer.served)
    seen = tuple(wished) if answer.whole else tuple(wished)[:1]
    return None if served == seen else "another certificate, or another chain, is served there"
