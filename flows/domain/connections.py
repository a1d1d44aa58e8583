"""How many connections a broker takes: from all clients of a listener, and from one address.

A broker that is full at its broker-wide limit shuts the product out as well, so the flavor's
limit stands at each client listener; the limit per address exists broker-wide only.
"""

from __future__ import annotations

from collections.abc import Mapping

from flows.domain.instance import Broker, Instance
from flows.domain.versions import ListenerLimit
from flows.domain.wish import Wish

UNLIMITED_PER_ADDRESS = 20_000


def limits_in_file(instance: Instance, broker: Broker) -> dict[str, str]:
    """The limits that a broker starts with."""
    found: dict[str, str] = {}
    if instance.wish.release.listener_limit is ListenerLimit.KEPT:
        found = _listener_limits(instance, broker, instance.wish.flavor_row.connections)
    return {**found, **address_limits(instance)}


def address_limits_due(instance: Instance, told: Mapping[str, str]) -> Mapping[str, str]:
    """What a running broker is to be told of addresses, since its file says it from now on.

    `told` is what it was altered to before (it wins over the file). Empty where nothing is due,
    or the version learns it at a start only.
    """
    wished = address_limits(instance)
    if not instance.wish.release.address_limits_live or wished.items() <= told.items():
        return {}
    return wished


def limits_after_start(instance: Instance, broker: Broker) -> tuple[Mapping[str, str], ...]:
    """What a running broker is to be altered to, one after the other; empty where nothing is.

    A version that forgets its listeners' limits when it stops still believes to have them when
    it is back: altering to the same value does nothing, altering to another one enforces it.
    """
    if instance.wish.release.listener_limit is not ListenerLimit.FORGOTTEN:
        return ()
    wished = instance.wish.flavor_row.connections
    return tuple(_listener_limits(instance, broker, each) for each in (wished - 1, wished))


def limits_due(instance: Instance, limited: Mapping[int, float]) -> tuple[Broker, ...]:
    """The brokers that serve without their limits.

    `limited` is broker -> start of the process (`HostState.kafka_started`) that last got them.
    """
    return tuple(
        broker
        for broker in instance.brokers
        if broker.registered
        and limits_after_start(instance, broker)
        and broker.host is not None
        and broker.host.kafka_started is not None
        and limited.get(broker.id) != broker.host.kafka_started
    )


def told_limits(wish: Wish) -> str:
    """What is enforced and what is not, as a sentence for people."""
    flavor, release = f"{wish.flavor_row.connections:,}", wish.release.release
    address = f"at most {wish.access.per_address:,} of one client address to each broker"
    match wish.release.listener_limit:
        case ListenerLimit.NONE:
            return (
                f"{address}; the flavor's limit of {flavor} is not enforced: "
                f"Kafka {release} has no limit of connections per listener"
            )
        case ListenerLimit.FORGOTTEN:
            return (
                f"at most {flavor} on each client listener of each broker, {address}; Kafka "
                f"{release} forgets the first at a start of its own, until the next health check"
            )
        case ListenerLimit.KEPT:
            return f"at most {flavor} on each client listener of each broker, {address}"


def _listener_limits(instance: Instance, broker: Broker, connections: int) -> dict[str, str]:
    return {
        f"listener.name.{listener.name.lower()}.max.connections": str(connections)
        for listener in instance.listeners(broker)
        if listener.for_clients
    }


def address_limits(instance: Instance) -> dict[str, str]:
    """How many connections an address may have to a broker, and which may have more."""
    return {
        "max.connections.per.ip": str(instance.wish.access.per_address),
        "max.connections.per.ip.overrides": _unlimited_addresses(instance),
    }


def _unlimited_addresses(instance: Instance) -> str:
    """The product, the brokers, and gateways with many clients behind them are never shut out."""
    members = (str(broker.address) for broker in instance.brokers)
    known = dict.fromkeys((instance.control_address, *members, *instance.wish.access.unlimited))
    return ",".join(f"{address}:{UNLIMITED_PER_ADDRESS}" for address in known)
