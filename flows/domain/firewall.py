"""The host firewall of a broker (SPEC 2.1) as nftables text.

A table of our own, policy accept: it only drops our ports from sources that are not allowed, and
never says a word about port 22. The set `held` keeps a broker's client ports closed while the
broker starts; its time-out opens them again when whoever closed them died.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from flows.domain.access import ANYONE
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import (
    CLIENT_LISTENERS,
    INTERNAL_PORT,
    ZOOKEEPER_CLIENT_PORT,
    ZOOKEEPER_ELECTION_PORT,
    ZOOKEEPER_PEER_PORT,
    Listener,
    ListenerName,
)
from flows.domain.opening import Opening

HELD, MUTED = "held", "muted"


@dataclass(frozen=True)
class Hold:
    """Ports at which nobody gets in for some seconds, and the table that keeps them closed.

    `way` is the set of that table: what is HELD is refused on its way in, what is MUTED on its way
    out to other hosts. Refused, not dropped: what is dropped is sent again later, by TCP itself.
    """

    table: str
    ports: tuple[int, ...]
    seconds: int
    way: str = HELD


def client_hold(instance: Instance, broker: Broker, seconds: int) -> Hold:
    """Closes the ports of a broker's client listeners, to the product as well.

    A broker that has just started answers before it knows any topic; a client that asks it then
    believes that its topics are gone.
    """
    ports = tuple(each.port for each in instance.listeners(broker) if each.for_clients)
    return Hold(table_name(instance), ports, seconds)


def open_to_product(instance: Instance, broker: Broker) -> tuple[Listener, ...]:
    """The listeners of a broker at which its host lets the control plane in."""
    allowed = {each.port for each in openings(instance)
               if {ANYONE, instance.control_address} & set(each.sources)}  # fmt: skip
    return tuple(each for each in instance.listeners(broker) if each.port in allowed)


def fetch_hold(instance: Instance, seconds: int) -> Hold:
    """A broker asks no other broker for anything; what others ask of it is answered as ever."""
    return Hold(table_name(instance), (INTERNAL_PORT,), seconds, MUTED)


def table_name(instance: Instance) -> str:
    """The name of the instance's table on its hosts."""
    return f"kafka_fleet_{instance.id}"


def openings(instance: Instance) -> tuple[Opening, ...]:
    """What is open to whom: the table of SPEC 2.1 for the listeners that exist."""
    members = tuple(str(broker.address) for broker in instance.brokers)
    product = (instance.control_address,)
    clients = [_client_opening(instance, listener) for listener in _client_listeners(instance)]
    return (
        Opening(INTERNAL_PORT, members, ListenerName.INTERNAL),
        Opening(9091, product, ListenerName.CONTROL),
        *clients,
        Opening(ZOOKEEPER_CLIENT_PORT, (*members, *product), "ZooKeeper"),
        Opening(ZOOKEEPER_PEER_PORT, members, "ZooKeeper peers"),
        Opening(ZOOKEEPER_ELECTION_PORT, members, "ZooKeeper election"),
    )


def ruleset(instance: Instance) -> str:
    """The table as a file that `nft -f` loads in one transaction, whether it exists or not."""
    table = table_name(instance)
    found = openings(instance)
    return "\n".join(
        [
            f"table inet {table} {{}}",
            f"delete table inet {table}",
            f"table inet {table} {{",
            f"  set {HELD} {{ type inet_service; flags timeout; }}",
            f"  set {MUTED} {{ type inet_service; flags timeout; }}",
            "  chain input {",
            "    type filter hook input priority filter; policy accept;",
            '    iifname "lo" accept',
            "    tcp dport @held reject with tcp reset",
            *(f"    {rule}" for rule in _rules(found)),
            "  }",
            "  chain output {",
            "    type filter hook output priority filter; policy accept;",
            '    oifname "lo" accept',
            "    tcp dport @muted reject with tcp reset",
            "  }",
            "}",
            "",
        ]
    )


def firewall_digest(instance: Instance) -> str:
    """The digest of the file that holds the table on every host."""
    return sha256(ruleset(instance).encode()).hexdigest()


def _client_listeners(instance: Instance) -> tuple[Listener, ...]:
    first = instance.listeners(instance.brokers[0])
    return tuple(listener for listener in first if listener.name in CLIENT_LISTENERS)


def _client_opening(instance: Instance, listener: Listener) -> Opening:
    access = instance.wish.access
    sources = access.private_sources or (instance.client_network,)
    if listener.name is ListenerName.PUBLIC:
        sources = access.public_sources or (ANYONE,)
    elif listener.name is ListenerName.CROSS:
        # It exists from the creation and stays closed until endpoints or DNAT are set.
        sources = access.cross_sources
    allowed = (*sources, instance.control_address) if sources else ()
    return Opening(listener.port, allowed, listener.name)


def _rules(found: Iterable[Opening]) -> list[str]:
    openings_ = list(found)
    ports = ", ".join(str(opening.port) for opening in openings_)
    rules = [f"meta nfproto ipv6 tcp dport {{ {ports} }} drop"]
    for opening in openings_:
        allowed = ", ".join(dict.fromkeys(opening.sources))
        source = f"ip saddr != {{ {allowed} }} " if allowed else ""
        if ANYONE not in opening.sources:
            rules.append(f"{source}tcp dport {opening.port} drop")
    return rules
