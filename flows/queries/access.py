"""`fleet access`: by which addresses clients come to each broker, and who answers there now."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import TypedDict

from flows.adapters.site import Doors, Revision
from flows.domain.cluster import ClusterState
from flows.domain.drift import client_networks
from flows.domain.errors import EffectFailed
from flows.domain.firewall import openings
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import Listener, ListenerName
from flows.domain.rewiring import wished_endpoints
from flows.domain.vantage import Address, Answer, Network, address_of
from flows.domain.wish import Wish
from flows.queries.lookup import living, placed


class AccessLine(TypedDict):
    """One client listener of one broker; `told` is what it tells clients now, None if unknown.

    `answer` is what a client sees at the advertised address, `open_to` whom the host lets in.
    """

    broker: int
    listener: str
    address: str
    advertised: str
    told: str | None
    port_id: str
    answer: str
    good: bool
    since: str
    open_to: list[str]


class PortLine(TypedDict):
    """One port of every host: what answers there, and to whom it is open; nobody when empty."""

    port: int
    what: str
    open_to: list[str]


class AccessView(TypedDict):
    """All client listeners of an instance, every port of its hosts, and what is kept for clients
    that were told of it."""

    instance: str
    lines: list[AccessLine]
    ports: list[PortLine]
    old_addresses: list[str]
    old_until: str | None


def access(doors: Doors, name: str) -> AccessView:
    """The ways of clients to a living instance, looked at now from where clients are."""
    row = living(doors.records, name)
    provider = doors.provider(row.wish.provider)
    instance = replace(
        placed(doors.records, name),
        control_address=provider.control_address(),
        client_network=provider.client_network(),
    )
    state, answers = _state(doors, instance), _answers(doors, instance)
    revisions = doors.records.wishes(row.id)
    kept = row.wish.access
    routes = kept.former.route.addresses if kept.former else ()
    eips = kept.former_eips.addresses if kept.former_eips else ()
    return AccessView(
        instance=row.wish.name,
        lines=[
            _line(instance, (broker, listener), (state, answers), revisions)
            for broker in instance.brokers
            for listener in instance.listeners(broker)
            if listener.for_clients
        ],
        ports=[
            PortLine(port=each.port, what=str(each.what), open_to=list(dict.fromkeys(each.sources)))
            for each in openings(instance)
        ],
        old_addresses=[*routes, *eips],
        old_until=_moment(kept.old_until),
    )


Place = tuple[Broker, Listener]
Seen = tuple[ClusterState | None, Mapping[tuple[int, str], str | None]]


def _line(
    instance: Instance, place: Place, seen: Seen, revisions: tuple[Revision, ...]
) -> AccessLine:
    (broker, listener), (state, answers) = place, seen
    told = state.told.get(broker.id, {}).get(listener.name) if state else None
    answer = answers.get((broker.id, listener.name), "not looked at")
    wished = wished_endpoints(instance, broker)[listener.name]
    sources = next(each.sources for each in openings(instance) if each.port == listener.port)
    closed = not sources
    return AccessLine(
        broker=broker.id,
        listener=str(listener.name),
        address=f"{broker.address}:{listener.port}",
        advertised=wished,
        told=told,
        port_id=broker.machine.name if broker.machine else "",
        answer="closed" if closed else answer or f"broker {broker.id}",
        good=told == wished and (closed or answer is None),
        since=_since(revisions, broker.id, listener.name),
        open_to=list(sources),
    )


def _state(doors: Doors, instance: Instance) -> ClusterState | None:
    try:
        return doors.zookeeper.state(instance)
    except EffectFailed:
        return None


def _answers(doors: Doors, instance: Instance) -> dict[tuple[int, str], str | None]:
    """Broker and listener -> what is wrong with the answer there, or None; only what is open."""
    found: dict[tuple[int, str], str | None] = {}
    for name, network in client_networks(instance.wish).items():
        listeners = [
            (broker.id, each)
            for broker in instance.brokers
            for each in instance.listeners(broker)
            if each.name is name
        ]
        asked = [address_of(number, each) for number, each in listeners]
        for address, wrong in zip(asked, _asked(doors, instance, network, asked), strict=True):
            found[address.broker, name] = wrong
    return found


def _asked(
    doors: Doors, instance: Instance, network: Network, asked: list[Address]
) -> Iterable[str | None]:
    vantage = doors.vantages(instance.wish.provider).of(network)
    if vantage is None:
        return [f"nobody looks from the network {network}"] * len(asked)
    try:
        return _reasons(vantage.ask(instance, asked))
    except EffectFailed as silence:
        return [str(silence)] * len(asked)


def _reasons(answers: Iterable[Answer]) -> Iterator[str | None]:
    for answer in answers:
        yield answer.reason


def _since(revisions: tuple[Revision, ...], broker: int, name: ListenerName) -> str:
    """Since when the broker is wished to tell this address of the listener."""
    newest = revisions[-1]
    since = newest.made
    for revision in reversed(revisions):
        if _told_by(revision.wish, broker, name) != _told_by(newest.wish, broker, name):
            break
        since = revision.made
    return since.isoformat()


def _told_by(wish: Wish, broker: int, name: ListenerName) -> str | None:
    if name is ListenerName.PUBLIC:
        return wish.eip_of(broker)
    return wish.cross_of(broker) if name is ListenerName.CROSS else None


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat()
