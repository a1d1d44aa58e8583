"""One broker: stopped and started again, as kindly to its clients as that can be done.

Every part of it is there because a stall of half a second or more was measured without it: see
`docs/adr/` on short stalls.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from flows.adapters.site import Site
from flows.domain.cluster import PROBE_TOPIC, ClusterState, Partition
from flows.domain.errors import GateTimeout
from flows.domain.firewall import client_hold, fetch_hold, table_name
from flows.domain.gates import (
    is_users,
    leaves_as_it_stops,
    portions_to_lead,
    preferred_of,
    still_needed,
)
from flows.domain.instance import Broker, Instance, Machine, UnitState
from flows.domain.resting import rest_after
from flows.steps.hosts import on_each
from flows.steps.step import check_held, step
from flows.steps.waiting import SHORT_SECONDS, Gate, wait

LEAVE_SECONDS = 60.0
CONTROL_SECONDS, CONTROL_LOOK_SECONDS = 30.0, 0.1
MUTED_SECONDS = 6
"""Its time-out is short: a broker that is cut off while it counts as in sync stalls everybody."""
OUT_SECONDS = 0.3
"""How long a broker must have been out of everything before it may ask others again."""
STOP_SECONDS = 200.0
"""The unit itself says 180; a broker that takes longer is never killed."""
NOT_KILLED = "it was not killed, since that would cost a log recovery"
HELD_SECONDS, RENEW_SECONDS = 60, 15.0
OWN_REQUEST_SECONDS = 2.0
"""How long nobody looks after a broker that asks the controller itself as it stops."""
WARMING_REQUESTS = 5
PORTION, PORTION_PAUSE_SECONDS = 25, 0.15


def leave(site: Site, instance: Instance, broker: Broker) -> None:
    """Nobody waits for this broker any more; only its process is left to stop.

    A leader may take it back all the same: it is looked after, and asked again, until its process
    has stopped. One with too many partitions to be muted asks the controller itself, as it stops.
    """
    if broker.host is not None and broker.host.kafka is UnitState.ACTIVE:
        _hand_over_control(site, instance, broker)
        if not _leaves_as_it_stops(instance, broker):
            _leave_muted(site, instance, broker)


@step("broker {broker.id}: leave control to another broker")
def _hand_over_control(site: Site, instance: Instance, broker: Broker) -> None:
    _not_the_controller(site, instance, broker)
    wait(site, controller_works(instance))


@step("broker {broker.id}: hand over what it leads and leave every in-sync set")
def _leave_muted(site: Site, instance: Instance, broker: Broker) -> None:
    """Meanwhile it fetches nothing.

    A fetch that a leader reads before and accounts after the broker left makes that leader wait
    for it until it is back.
    """
    state = site.zookeeper.state(instance)
    # From the moment it is muted all writes wait for it: nothing is looked up in between.
    with site.kafka.near_controller(instance, state), no_fetches(site, instance, broker):
        wait(site, is_out(instance, broker, state))
        # It follows by now what it led, and would fetch that as soon as it can: asked once
        # more, the controller tells it to stop that too.
        site.kafka.shut_down(instance, site.zookeeper.state(instance), broker.id)
        wait(site, stays_out(instance, broker))


def _not_the_controller(site: Site, instance: Instance, broker: Broker) -> None:
    """Another broker is the controller; whoever is first when its node is gone becomes it."""
    limit = site.clock.monotonic() + CONTROL_SECONDS
    while (controller := site.zookeeper.state(instance).controller) in {broker.id, None}:
        if site.clock.monotonic() >= limit:
            raise GateTimeout(
                f"waited {CONTROL_SECONDS:.0f} s until another broker than {broker.id} is the "
                "controller, in vain: the others do not take over"
            )
        if controller is not None:
            site.zookeeper.remove(instance, "/controller")
        site.clock.pause(CONTROL_LOOK_SECONDS)


def controller_works(instance: Instance) -> Gate:
    """The controller, which may be new, does what it is asked."""

    def reason(site: Site) -> None:
        site.kafka.check_controller(instance, site.zookeeper.state(instance))

    return Gate("the controller does what it is asked", CONTROL_SECONDS, reason)


@contextmanager
def no_fetches(site: Site, instance: Instance, broker: Broker) -> Iterator[None]:
    """The broker asks the others for nothing; what is on its way is answered within 50 ms.

    That is sooner than a controller takes a broker out of anything, and writes wait meanwhile.
    """
    hold, machine = fetch_hold(instance, MUTED_SECONDS), _machine(broker)
    site.hosts.hold(machine, site.epoch, hold)
    try:
        yield
    finally:
        check_held(site)
        site.hosts.let_in(machine, site.epoch, hold.table, hold.way)


def is_out(instance: Instance, broker: Broker, seen: ClusterState) -> Gate:
    """The broker leads nothing and is in sync nowhere; `seen` is how things were just before."""
    known = [seen]

    def reason(site: Site) -> str | None:
        state = known.pop() if known else site.zookeeper.state(instance)
        return _kept_out(site, instance, broker, state)

    return Gate(f"broker {broker.id} is needed nowhere", LEAVE_SECONDS, reason)


def stays_out(instance: Instance, broker: Broker) -> Gate:
    """The broker leads nothing and is in sync nowhere, for a moment already.

    In that moment it does what the controller told it: to follow nobody any more.
    """
    out: list[float] = []

    def reason(site: Site) -> str | None:
        needed = _kept_out(site, instance, broker, site.zookeeper.state(instance))
        now = site.clock.monotonic()
        if needed:
            out.clear()
            return needed
        out.append(now)
        return None if now - out[0] >= OUT_SECONDS else f"broker {broker.id} left just now"

    return Gate(
        f"broker {broker.id} is needed nowhere", LEAVE_SECONDS, reason, pause_seconds=SHORT_SECONDS
    )


@step("broker {broker.id}: stop Kafka")
def stop_broker(site: Site, instance: Instance, broker: Broker) -> None:
    """Kafka has stopped by itself; GateTimeout when it did not in time, it is never killed."""
    site.hosts.stop_kafka(_machine(broker), site.epoch)
    wait(site, kafka_stopped(instance, broker))


def kafka_stopped(instance: Instance, broker: Broker) -> Gate:
    """Nothing of the broker runs any more; until then nobody takes it back."""
    machine = _machine(broker)
    rest = _Rest(OWN_REQUEST_SECONDS if _leaves_as_it_stops(instance, broker) else 0.0)

    def reason(site: Site) -> str | None:
        # Cheaper than to ask its host, and nobody waits for whoever is not registered any more.
        if broker.id in site.zookeeper.registrations(instance):
            if rest.is_over(site):
                _kept_out(site, instance, broker, rest.after(site, instance))
            return f"it is still registered and runs on {machine.name}; {NOT_KILLED}"
        left = site.hosts.finish_kafka(machine, site.epoch)
        return f"process {left[0]} still runs on {machine.name}; {NOT_KILLED}" if left else None

    return Gate(f"Kafka of broker {broker.id} has stopped", STOP_SECONDS, reason)


def _leaves_as_it_stops(instance: Instance, broker: Broker) -> bool:
    return instance.cluster is not None and leaves_as_it_stops(broker.id, instance.cluster)


class _Rest:
    """A look at every partition is followed by a rest: with hundreds it takes half a second."""

    def __init__(self, first_seconds: float) -> None:
        self._first = first_seconds
        self._until: float | None = None

    def is_over(self, site: Site) -> bool:
        now = site.clock.monotonic()
        if self._until is None:
            self._until = now + self._first
        return now >= self._until

    def after(self, site: Site, instance: Instance) -> ClusterState:
        asked = site.clock.monotonic()
        state = site.zookeeper.state(instance)
        now = site.clock.monotonic()
        self._until = now + rest_after(now - asked)
        return state


def _kept_out(site: Site, instance: Instance, broker: Broker, state: ClusterState) -> str | None:
    """Why the broker was still needed; the controller was asked to take it out then."""
    needed = still_needed(broker.id, state) if broker.id in state.registrations else None
    if needed:
        site.kafka.shut_down(instance, state, broker.id)
    return needed


@step("broker {broker.id}: start Kafka")
def start_broker(site: Site, instance: Instance, broker: Broker) -> None:
    """Kafka was started for the wished generation."""
    generation = instance.wish.generation_of(broker.id)
    site.hosts.start_kafka(_machine(broker), site.epoch, generation)


class ClosedDoor:
    """The client ports of one broker, held closed; `renew` is called as long as they shall be."""

    def __init__(self, site: Site, instance: Instance, broker: Broker) -> None:
        self._site = site
        self._machine = _machine(broker)
        self._hold = client_hold(instance, broker, HELD_SECONDS)
        self._renewed = -RENEW_SECONDS

    def renew(self) -> None:
        """Their time-out is far away again."""
        now = self._site.clock.monotonic()
        if now - self._renewed >= RENEW_SECONDS:
            self._site.hosts.hold(self._machine, self._site.epoch, self._hold)
            self._renewed = now

    def open(self) -> None:
        """Clients get in."""
        self._site.hosts.let_in(self._machine, self._site.epoch, self._hold.table)


@contextmanager
def clients_held(site: Site, instance: Instance, broker: Broker) -> Iterator[ClosedDoor]:
    """Clients stay with the other brokers until the end; their time-out lets them in anyway."""
    door = ClosedDoor(site, instance, broker)
    door.renew()
    try:
        yield door
    finally:
        check_held(site)
        door.open()


@step("let clients in everywhere")
def let_clients_in(site: Site, instance: Instance) -> None:
    """No broker's client ports are held by somebody who was cut off."""
    table = table_name(instance)
    machines = [broker.machine for broker in instance.brokers if broker.machine and broker.host]
    on_each(lambda machine: site.hosts.let_in(machine, site.epoch, table), machines)


@step("broker {broker.id}: warm it with the product's own requests")
def warm(site: Site, instance: Instance, broker: Broker) -> None:
    """The first requests to this broker, which are slow, were nobody's but ours.

    Kafka's own partitions it leads by now too: who leads one of them first reads all of it, and
    nobody's message shall wait for that.
    """
    every = _preferred(site, instance, broker)
    _elect(site, instance, [part for part in every if not is_users(part)])
    for part in site.zookeeper.state(instance).partitions:
        if part.topic == PROBE_TOPIC and part.leader == broker.id == part.preferred_leader:
            site.kafka.warm(instance, (part.topic, part.number), WARMING_REQUESTS)


@step("broker {broker.id}: take its leaders back")
def take_leaders_back(site: Site, instance: Instance, broker: Broker) -> None:
    """The broker leads every partition whose first replica it has, if it is in sync there."""
    _elect(site, instance, _preferred(site, instance, broker))


@step("take all leaders back")
def take_all_leaders_back(site: Site, instance: Instance) -> None:
    """Every partition is led by its first replica, if that one is in sync."""
    for broker in instance.brokers:
        _elect(site, instance, _preferred(site, instance, broker))


def _preferred(site: Site, instance: Instance, broker: Broker) -> tuple[Partition, ...]:
    return preferred_of(broker.id, site.zookeeper.state(instance))


def _elect(site: Site, instance: Instance, partitions: Sequence[Partition]) -> None:
    """In portions: 250 new leaders at once take a broker half a second, and everybody waits."""
    for place, portion in enumerate(portions_to_lead(partitions, PORTION)):
        if place:
            site.clock.pause(PORTION_PAUSE_SECONDS)
        site.kafka.elect_preferred(instance, [(part.topic, part.number) for part in portion])


def _machine(broker: Broker) -> Machine:
    assert broker.machine is not None
    return broker.machine
