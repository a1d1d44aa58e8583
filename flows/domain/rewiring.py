"""Giving clients other addresses: the wishes on the way, and the plan of what is left to do.

Three wishes follow each other. In the first one (`prepared`) both ways lead to the brokers and
clients are told the old one; in the second (`after`) they are told the new one; when the old way
is dropped, the third one is left. So whoever delivers or restarts a broker in between does what
fits, and a run that was cut off goes on where the wish stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from flows.domain.access import FormerEips, FormerRoute, Route, ServedNames
from flows.domain.certificate_ways import way_to_names
from flows.domain.cluster import ClusterState
from flows.domain.instance import Broker, Instance
from flows.domain.kept_names import kept_sentence, still_keeps
from flows.domain.listeners import Listener, ListenerName
from flows.domain.plan import Plan, PlannedStep
from flows.domain.vantage import Address, Network, address_of
from flows.domain.wish import Wish

BEGINS = "live, with the listener, which there was not before: no restart"


@dataclass(frozen=True)
class RewirePlan(Plan):
    """From the wish `before`, which comes back when the proof fails, by `prepared` to `after`.

    `addresses` are the new ones, in the order of the brokers; none when the listener is closed.
    `network` is where clients are that come by them, None when nobody is to prove them.
    """

    instance: Instance = field(kw_only=True)
    listener: ListenerName = field(kw_only=True)
    before: Wish = field(kw_only=True)
    prepared: Wish = field(kw_only=True)
    after: Wish = field(kw_only=True)
    addresses: tuple[str, ...] = field(kw_only=True)
    network: Network | None = field(kw_only=True)
    keep_old: int = field(kw_only=True)

    def with_wish(self, wish: Wish) -> Instance:
        """The instance as it was seen, with another wish."""
        return replace(self.instance, wish=wish)

    def doing(self, steps: tuple[PlannedStep, ...]) -> RewirePlan:
        """The same plan with what is to be done, and which names stay after that."""
        return replace(self, steps=steps, warnings=(*self.warnings, *names_that_stay(self)))

    def asked(self) -> tuple[Address, ...]:
        """What is to be asked from outside: every new address."""
        return addresses_at(self.with_wish(self.after), self.listener)

    def asked_before(self) -> tuple[Address, ...]:
        """Those of them at which a broker can answer before it is told anything.

        A broker that is to get the listener has none yet.
        """
        before = self.with_wish(self.before)
        return tuple(
            each
            for each in self.asked()
            if listener_of(before, each.broker, self.listener) is not None
        )


def listener_of(instance: Instance, broker: int, name: ListenerName) -> Listener | None:
    """A listener of a broker, as it is wished; None when it has none of that name."""
    found = instance.listeners(instance.broker(broker))
    return next((each for each in found if each.name is name), None)


def addresses_at(instance: Instance, name: ListenerName) -> tuple[Address, ...]:
    """What brokers tell clients of a listener, where each of them is to be asked."""
    found = ((broker.id, listener_of(instance, broker.id, name)) for broker in instance.brokers)
    return tuple(address_of(number, each) for number, each in found if each is not None)


def told_at(instance: Instance, name: ListenerName) -> dict[int, str]:
    """Broker -> `host:port` that clients are to be told of a listener, where a broker has it."""
    found = ((broker.id, listener_of(instance, broker.id, name)) for broker in instance.brokers)
    return {number: each.advertised for number, each in found if each is not None}


def remembering_names(instance: Instance, wish: Wish) -> Wish:
    """The wish, which does not forget the names that present processes have served.

    What was served before a broker was started anew is forgotten (`flows.domain.kept_names`).
    """
    kept = tuple(
        ServedNames(
            broker=broker.id,
            listener=each.name,
            start=instance.wish.start_of(broker.id),
            names=names,
        )
        for broker in instance.brokers
        if broker.host is not None and broker.host.kafka_started is not None
        for each in instance.listeners(broker)
        if each.secured and (names := _served_by_now(instance, broker, each))
    )
    present = {(each.broker, each.listener) for each in kept}
    closed = tuple(
        each
        for each in instance.wish.access.served
        if (each.broker, each.listener) not in present and still_keeps(instance, each)
    )
    return _with_access(wish, served=(*kept, *closed))


def _served_by_now(instance: Instance, broker: Broker, listener: Listener) -> tuple[str, ...]:
    """What a client listener's certificate is for and, since that start, was for before."""
    access = instance.wish.access
    if listener.name is ListenerName.PUBLIC:
        open_now = (listener.advertised_host, *access.public_names(broker.id))
    elif listener.name is ListenerName.CROSS:
        open_now = (str(broker.address), *access.cross_names(broker.id))
    else:
        return ()
    earlier = (
        name
        for each in access.served
        if (each.broker, each.listener) == (broker.id, listener.name)
        and still_keeps(instance, each)
        for name in each.names
    )
    return tuple(dict.fromkeys((*open_now, *earlier)))


def _with_access(wish: Wish, **change: Any) -> Wish:
    access = wish.access.model_copy(update=change)
    return wish.model_copy(update={"access": access})


def with_route(wish: Wish, route: Route | None) -> Wish:
    """The wish with that way to 9011; the one from before is open as well, and not timed yet."""
    access, former = wish.access, wish.access.former
    if access.cross is not None and access.cross != route:
        former = FormerRoute(route=access.cross, until=0.0)
    elif former is not None and former.route == route:
        former = None
    return _with_access(wish, cross=route, coming=None, former=former)


def with_coming_route(wish: Wish, route: Route | None) -> Wish:
    """The wish in which that way is opened and no client is told of it."""
    return _with_access(wish, coming=route)


def with_eips(wish: Wish, eips: tuple[str, ...]) -> Wish:
    """The wish with these EIPs; those from before lead to the brokers as well."""
    old = tuple(each for each in wish.public_access if each not in eips)
    former = FormerEips(addresses=wish.public_access, until=0.0) if old and eips else None
    changed = _with_access(wish, coming_eips=(), former_eips=former)
    return changed.model_copy(update={"public_access": eips})


def with_coming_eips(wish: Wish, eips: tuple[str, ...]) -> Wish:
    """The wish in which these EIPs lead to the brokers and no client is told of them.

    Without public access before, they are the EIPs: nobody is to be told otherwise.
    """
    if not wish.public_access:
        return with_eips(wish, eips)
    return _with_access(wish, coming_eips=eips)


def until(wish: Wish, moment: float) -> Wish:
    """The wish in which what was replaced and not timed yet may go at that moment."""
    access, change = wish.access, dict[str, Any]()
    if access.former and not access.former.until:
        change["former"] = access.former.model_copy(update={"until": moment})
    if access.former_eips and not access.former_eips.until:
        change["former_eips"] = access.former_eips.model_copy(update={"until": moment})
    return _with_access(wish, **change)


def without_former(wish: Wish) -> Wish:
    """The wish without any way from before."""
    return _with_access(wish, former=None, former_eips=None)


def told_otherwise(instance: Instance, state: ClusterState | None) -> tuple[int, ...]:
    """The brokers that run and tell clients other addresses than they should."""
    told = state.told if state else {}
    return tuple(
        broker.id
        for broker in instance.brokers
        if broker.id in told and dict(told[broker.id]) != wished_endpoints(instance, broker)
    )


def wished_endpoints(instance: Instance, broker: Broker) -> dict[str, str]:
    """Listener -> `host:port` that the broker is to tell clients."""
    return {str(each.name): each.advertised for each in instance.listeners(broker)}


def rewire_steps(plan: RewirePlan) -> Iterator[PlannedStep]:
    """What is done, in the order in which it is done."""
    name, after = plan.listener, plan.with_wish(plan.after)
    yield PlannedStep("hosts", _opening_words(plan), f"{name} {','.join(plan.addresses)}")
    yield from _certificate_steps(plan)
    for broker in plan.instance.brokers:
        new = listener_of(after, broker.id, name)
        words = f"tell clients {new.advertised}" if new else f"close {name}"
        yield PlannedStep(f"broker {broker.id}", words, new.advertised if new else "closed")
    if plan.network and plan.addresses:
        words = f"ask every new address from the network {plan.network}: the right broker answers"
        yield PlannedStep("proof", words, f"{plan.network}")


def _certificate_steps(plan: RewirePlan) -> Iterator[PlannedStep]:
    """How each broker comes to a certificate for the new names, where it serves one of ours."""
    before, prepared = plan.with_wish(plan.before), plan.with_wish(plan.prepared)
    numbers = plan.prepared.client_facing
    if not plan.addresses or numbers.authority in numbers.uploaded:
        return
    for broker in plan.instance.brokers:
        new = listener_of(prepared, broker.id, plan.listener)
        old = listener_of(before, broker.id, plan.listener)
        if new is None or not new.secured:
            continue
        had = old.certificate_names if old else ()
        added = [name for name in new.certificate_names if name not in had]
        way = way_to_names(plan.prepared.release, had, new.certificate_names) if old else BEGINS
        if added:
            yield PlannedStep(
                f"broker {broker.id} {plan.listener}",
                f"serve a certificate for {', '.join(added)} too ({way})",
                f"names {' '.join(sorted(new.certificate_names))}",
            )


def names_that_stay(plan: RewirePlan) -> tuple[str, ...]:
    """Which names certificates will keep once the old way is dropped, and until when."""
    kept = kept_sentence(plan.with_wish(without_former(plan.after)))
    return (kept,) if kept else ()


def _opening_words(plan: RewirePlan) -> str:
    if not plan.addresses:
        return "nobody new is told; the way is closed"
    return f"open the way to {', '.join(plan.addresses)}, with certificates for them"
