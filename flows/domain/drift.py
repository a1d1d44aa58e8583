"""Where the ways of clients are not as they are wished, one line for each difference."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from flows.domain.access import ANYONE, CrossMode
from flows.domain.access_seen import FILE_KEYS, AccessSeen, AtBoot, HostWays
from flows.domain.connections import address_limits
from flows.domain.dnat import IN_FORCE, rule_states
from flows.domain.firewall import firewall_digest, openings
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import ListenerName
from flows.domain.loaded_firewall import LoadedFirewall, Networks, networks
from flows.domain.rewiring import wished_endpoints
from flows.domain.security_groups import (
    GroupRule,
    SeenGroups,
    group_rules,
    keeps_closed,
    open_at,
    open_ports,
    own_group,
)
from flows.domain.server_properties import endpoints, told_map
from flows.domain.translating import gateways_of, translation_of
from flows.domain.vantage import Network
from flows.domain.wish import Wish


@dataclass(frozen=True)
class Drift:
    """One difference; what is not `mendable` lies out of the product's reach, or is unknown."""

    place: str
    what: str
    wished: str
    found: str
    mendable: bool = True

    @property
    def words(self) -> str:
        """The difference as a clause."""
        return f"{self.place}, {self.what}: {self.found} instead of {self.wished}"


def client_networks(wish: Wish) -> dict[ListenerName, Network]:
    """Where clients of each open listener are."""
    found = {ListenerName.PRIVATE: Network.LAN}
    if wish.public_access:
        found[ListenerName.PUBLIC] = Network.OUTSIDE
    if wish.access.cross is not None:
        dnat = wish.access.cross.mode is CrossMode.DNAT
        found[ListenerName.CROSS] = Network.OUTSIDE if dnat else Network.ENDPOINT
    return found


def wished_firewall(instance: Instance) -> LoadedFirewall:
    """What the kernel of each host is to filter."""
    every = openings(instance)
    narrow = (each for each in every if ANYONE not in each.sources)
    return LoadedFirewall(
        {each.port: networks(each.sources) for each in narrow},
        frozenset(each.port for each in every),
    )


def drift_of(instance: Instance) -> tuple[Drift, ...]:
    """Every difference that the look shows, hosts first; empty when all is as wished."""
    seen = instance.access_seen or AccessSeen()
    return (
        *(each for broker in instance.brokers for each in _host_drift(instance, broker, seen)),
        *(each for broker in instance.brokers for each in _told_drift(instance, broker)),
        *_group_drift(instance, seen.groups),
        *_gateway_drift(instance, seen),
        *_eip_drift(instance, seen),
        *(Drift("clients", "the way", "the right broker", each, False) for each in seen.complaints),
    )


def _host_drift(instance: Instance, broker: Broker, seen: AccessSeen) -> Iterator[Drift]:
    place, ways = f"broker {broker.id}", seen.hosts.get(broker.id, "nobody looked")
    if isinstance(ways, str):
        yield Drift(place, "host", "an answer", ways, mendable=False)
        return
    yield from _firewall_drift(place, wished_firewall(instance), ways)
    yield from _boot_drift(place, instance, ways.at_boot)
    wished = wished_file(instance, broker)
    for key in FILE_KEYS:
        if key in wished and ways.file.get(key) != wished[key]:
            yield Drift(place, f"file {key}", wished[key], ways.file.get(key, "nothing"))


def wished_file(instance: Instance, broker: Broker) -> Mapping[str, str]:
    """What the broker's file is to say of clients' ways."""
    return {
        **endpoints(broker, instance.listeners(broker)),
        **told_map(instance, broker),
        **address_limits(instance),
    }


def _firewall_drift(place: str, wished: LoadedFirewall, ways: HostWays) -> Iterator[Drift]:
    found = ways.firewall
    if found is None:
        yield Drift(place, "firewall", "loaded", "missing")
        return
    for port in sorted(wished.allowed.keys() | found.allowed.keys()):
        told, held = _open_to(wished, port), _open_to(found, port)
        if told != held:
            yield Drift(place, f"firewall {port}", f"open to {told}", f"open to {held}")
    for port in sorted(wished.over_ipv6 - found.over_ipv6):
        yield Drift(place, f"firewall {port}", "closed over IPv6", "open over IPv6")
    if found.others:
        yield Drift(place, "firewall", "only its own rules", f"{found.others} rules of others")


def _boot_drift(place: str, instance: Instance, found: AtBoot | None) -> Iterator[Drift]:
    """What the host would filter after a boot, whatever its kernel does now."""
    if found is None:
        return
    if found.firewall != firewall_digest(instance):
        words = "another one" if found.firewall else "missing"
        yield Drift(place, "firewall file", "the wished one", words)
    if not found.enabled:
        yield Drift(place, "firewall unit", "enabled at boot", "not enabled")


def _open_to(firewall: LoadedFirewall, port: int) -> str:
    allowed: Networks | None = firewall.allowed.get(port)
    if allowed is None:
        return "anyone"
    return _networks(allowed)


def _networks(allowed: Networks) -> str:
    if any(each.prefixlen == 0 for each in allowed):
        return "anyone"
    return ", ".join(str(each).removesuffix("/32") for each in allowed) or "nobody"


def _told_drift(instance: Instance, broker: Broker) -> Iterator[Drift]:
    place, state = f"broker {broker.id}", instance.cluster
    if state is None or broker.id not in state.told:
        yield Drift(place, "Kafka", "running", "not registered", mendable=False)
        return
    wished, told = wished_endpoints(instance, broker), state.told[broker.id]
    for name in sorted({*wished, *told}):
        if told.get(name) != wished.get(name):
            found = (wished.get(name, "no listener"), told.get(name, "no listener"))
            yield Drift(place, f"tells clients {name}", *found)
    known = state.broker_configs.get(str(broker.id), {})
    for key, value in {**told_map(instance, broker), **address_limits(instance)}.items():
        if known.get(key, value) != value:
            yield Drift(place, f"told {key}", value, known[key])


def _group_drift(instance: Instance, seen: SeenGroups | None) -> Iterator[Drift]:
    if seen is None:
        return
    own = own_group(instance.id)
    for number, group in seen.members.items():
        if group == seen.default:
            yield Drift(f"broker {number}", "security group", own, group)
        elif group != own:
            yield from _kept_closed(instance, number, group, seen.rules.get(group, ()))
    if any(group in (own, seen.default) for group in seen.members.values()):
        yield from _rules_drift(instance, own, seen.rules.get(own, ()))


def _kept_closed(
    instance: Instance, broker: int, group: str, rules: tuple[GroupRule, ...]
) -> Iterator[Drift]:
    """An administrator's group is left alone; what it keeps closed is named."""
    for each in openings(instance):
        if each.sources and keeps_closed(rules, each.sources, each.port):
            place, wished = f"broker {broker}", f"open to {', '.join(each.sources)}"
            what = f"security group {group}, {each.port}"
            yield Drift(place, what, wished, "open to none of them", mendable=False)


def _rules_drift(instance: Instance, group: str, rules: tuple[GroupRule, ...]) -> Iterator[Drift]:
    place, wished = f"security group {group}", group_rules(openings(instance))
    for opening in openings(instance):
        told, found = open_at(wished, opening.port), open_at(rules, opening.port)
        if told != found:
            words = (f"open to {_networks(told)}", f"open to {_networks(found)}")
            yield Drift(place, f"{opening.port}", *words)
    more = [each for each in open_ports(rules) if each not in open_ports(wished)]
    if more:
        ranges = ", ".join(f"{first}-{last}" for first, last in more)
        yield Drift(place, "other ports", "closed", f"open: {ranges}")


def _gateway_drift(instance: Instance, seen: AccessSeen) -> Iterator[Drift]:
    for name in gateways_of(instance.wish):
        state = seen.gateways.get(name, "nobody looked")
        if isinstance(state, str):
            yield Drift(f"gateway {name}", "rules", "an answer", state, mendable=False)
            continue
        for each in rule_states(translation_of(instance, name), state):
            if not each.good:
                what = f"rule {each.rule.eip}:9011"
                yield Drift(f"gateway {name}", what, IN_FORCE, each.words)


def _eip_drift(instance: Instance, seen: AccessSeen) -> Iterator[Drift]:
    if seen.eips is None:
        return
    for broker in instance.brokers:
        machine = broker.machine.name if broker.machine else ""
        for eip in _eips(instance.wish, broker.id):
            found = seen.eips.get(eip)
            if found != machine:
                leads = f"leads to {found or 'nobody'}"
                yield Drift(f"EIP {eip}", "the way", f"leads to {machine}", leads, found is None)


def _eips(wish: Wish, broker: int) -> Iterable[str]:
    told = wish.eip_of(broker)
    return (*((told,) if told else ()), *wish.access.public_names(broker))
