"""Giving clients back the addresses from before a change of addresses that was cut off.

Two wishes follow each other. In the first one brokers tell the addresses from before and what the
change had opened is still known, so that a run which is cut off finds what is left to be taken
away; the second one is as if the change had never been asked for.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from flows.domain.instance import Instance
from flows.domain.plan import PlannedStep
from flows.domain.rewiring import remembering_names
from flows.domain.wish import Wish


def on_the_way_back(instance: Instance, settled: Wish) -> Wish:
    """The settled wish, which still knows what the unfinished one of the instance had opened."""
    left = instance.wish
    if (left.access, left.public_access) == (settled.access, settled.public_access):
        return settled
    kept = [*settled.public_access, *settled.access.coming_eips, *_former_eips(settled)]
    eips = (left.access.coming_eips, left.public_access, _former_eips(left))
    routes = [each for each in left.access.routes if each not in settled.access.routes]
    new = [each for each in eips if not set(each) <= set(kept)]
    access = _with(
        settled,
        coming=routes[0] if routes else None,
        coming_eips=new[0] if new else (),
        returning=True,
    )
    return remembering_names(instance, access)


def returned(wish: Wish) -> Wish:
    """The wish that is left once nothing of the change is: its names stay as long as they must."""
    return _with(wish, coming=None, coming_eips=(), returning=False)


def eips_left_at(wish: Wish, gateway: str) -> tuple[str, ...]:
    """The EIPs that the unfinished change may have led to a gateway, and that nobody needs."""
    coming, kept = wish.access.coming, returned(wish).access.routes
    if coming is None or gateway not in coming.gateways:
        return ()
    used = {address for route in kept for address in route.addresses}
    return tuple(each for each in coming.addresses if each not in used)


def returning_steps(instance: Instance, wish: Wish) -> tuple[PlannedStep, ...]:
    """What is done about addresses, broker by broker."""
    if not wish.access.returning:
        return ()
    before = replace(instance, wish=returned(wish))
    steps = []
    for broker in before.brokers:
        told = ", ".join(each.advertised for each in before.listeners(broker) if each.for_clients)
        steps.append(PlannedStep(f"broker {broker.id}", f"tell clients {told}, as before", told))
    words = "close what the change had opened, and open what it had closed"
    return (*steps, PlannedStep("hosts", words, "ways as before"))


def _former_eips(wish: Wish) -> tuple[str, ...]:
    return wish.access.former_eips.addresses if wish.access.former_eips else ()


def _with(wish: Wish, **change: Any) -> Wish:
    return wish.model_copy(update={"access": wish.access.model_copy(update=change)})
