"""set-public-access: an EIP for each broker, other ones, or none."""

from __future__ import annotations

from collections.abc import Iterable

from pydantic import Field, model_validator

from flows.domain.access import CrossMode, check_eips
from flows.domain.creation import AddressList
from flows.domain.endpoints import NONE, RewireRequest
from flows.domain.errors import Refused, refusal
from flows.domain.instance import Instance
from flows.domain.listeners import ListenerName
from flows.domain.restart import check_answering
from flows.domain.rewiring import (
    RewirePlan,
    remembering_names,
    rewire_steps,
    told_otherwise,
    with_coming_eips,
    with_eips,
)
from flows.domain.vantage import Network
from flows.domain.wish import Wish


class SetPublicAccess(RewireRequest):
    """By which EIPs clients outside the network reach the brokers."""

    eips: AddressList = Field(
        title="EIPs",
        description="One IPv4 EIP per broker, in the order of their ids, separated by commas. "
        f'"{NONE}": no public access any more.',
    )

    @model_validator(mode="after")
    def _rules(self) -> SetPublicAccess:
        if not self.eips:
            raise Refused(f'eips: one per broker is required; "{NONE}" ends public access')
        if self.eips != (NONE,):
            check_eips("eips", self.eips, len(self.eips))
        return self

    @property
    def wished(self) -> tuple[str, ...]:
        """The EIPs that are asked for; none when public access is to end."""
        return () if self.eips == (NONE,) else self.eips


_TOLD = (
    "clients are told that it is broker {place}, so it cannot become broker {broker} while they "
    "work; bind other EIPs first"
)
_KEPT = (
    "clients still know it as broker {place}, so it cannot become broker {broker} yet; bind other "
    "EIPs, or end that first with drop-old-addresses"
)


def check_broker_of(field: str, wish: Wish, eip: str, broker: int) -> None:
    """Refuses an EIP that leads to another broker by the wish, told now or kept from before."""
    former = wish.access.former_eips
    kept = former.addresses if former else ()
    for addresses, rule in ((wish.public_access, _TOLD), (kept, _KEPT)):
        place = addresses.index(eip) + 1 if eip in addresses else broker
        if place != broker:
            raise refusal(field, eip, rule.format(place=place, broker=broker))


def check_not_translated(field: str, wish: Wish, eips: Iterable[str]) -> None:
    """Refuses an EIP that a gateway translates: it cannot be a broker's own as well."""
    routes = [route for route in wish.access.routes if route.mode is CrossMode.DNAT]
    for eip in eips:
        if any(eip in route.addresses for route in routes):
            rule = "a gateway translates it (DNAT), so it belongs to the gateway and to no broker"
            raise refusal(field, eip, f"{rule}; accepted is another EIP")


def plan_public_access(instance: Instance, request: SetPublicAccess) -> RewirePlan:
    """What is left until clients come by exactly these EIPs; Refused for one too few or many."""
    eips = request.wished
    if eips:
        check_eips("eips", eips, len(instance.brokers))
        check_not_translated("eips", instance.wish, eips)
    wish, before = instance.wish, instance.settled_wish or instance.wish
    is_told = wish.public_access == eips
    coming, after = with_coming_eips(wish, eips), with_eips(wish, eips)
    plan = RewirePlan(
        f"Set public access of {instance.name}",
        warnings=("unproved: nobody looks from outside",) if eips and request.unproved else (),
        instance=instance,
        listener=ListenerName.PUBLIC,
        before=remembering_names(instance, before),
        prepared=remembering_names(instance, wish if is_told or not eips else coming),
        after=remembering_names(instance, wish if is_told else after),
        addresses=eips,
        network=Network.OUTSIDE if eips and not request.unproved else None,
        keep_old=request.keep_old,
    )
    as_wished = is_told and not instance.change_is_open
    if as_wished and not told_otherwise(instance, instance.cluster):
        return plan
    check_answering(instance)
    return plan.doing(tuple(rewire_steps(plan)))
