"""drop-old-addresses: the request, and what of the old ways is left."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from flows.domain.instance import Instance
from flows.domain.plan import Plan, PlannedStep
from flows.domain.request import InstanceRequest
from flows.domain.wish import Wish


class DropOldAddresses(InstanceRequest):
    """Close what was kept for clients that were told of it, now."""


@dataclass(frozen=True)
class OldAddressesPlan(Plan):
    """The instance whose old ways are to be closed."""

    instance: Instance = field(kw_only=True)


def plan_dropping(instance: Instance, request: DropOldAddresses) -> OldAddressesPlan:
    """The old ways that are open, or were when the run that closes them was cut off."""
    before = instance.settled_wish or instance.wish
    old = old_addresses(instance.wish) or old_addresses(before)
    return OldAddressesPlan(
        f"Drop old addresses of {instance.name}", tuple(_steps(old)), instance=instance
    )


def old_addresses(wish: Wish) -> tuple[str, ...]:
    """The addresses by which clients still come and of which nobody is told any more."""
    access = wish.access
    routes = access.former.route.addresses if access.former else ()
    eips = access.former_eips.addresses if access.former_eips else ()
    told = (*(access.cross.addresses if access.cross else ()), *wish.public_access)
    return tuple(each for each in (*routes, *eips) if each not in told)


def _steps(addresses: tuple[str, ...]) -> Iterator[PlannedStep]:
    for address in addresses:
        yield PlannedStep("hosts", f"close the way by {address}", address)
