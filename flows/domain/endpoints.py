"""set-endpoints: what brokers advertise on 9011, for clients behind endpoint services."""

from __future__ import annotations

from pydantic import Field, field_validator, model_validator

from flows.domain.access import KEEP_OLD_SECONDS, CrossMode, Route, check_advertised
from flows.domain.creation import AddressList
from flows.domain.errors import Refused, refusal
from flows.domain.instance import Instance
from flows.domain.listeners import ListenerName
from flows.domain.request import InstanceRequest
from flows.domain.restart import check_answering
from flows.domain.rewiring import (
    RewirePlan,
    remembering_names,
    rewire_steps,
    told_otherwise,
    with_coming_route,
    with_route,
)
from flows.domain.vantage import Network
from flows.domain.wish import Wish

NONE = "none"
LONGEST_KEPT = 86_400


class RewireRequest(InstanceRequest):
    """What all requests for other addresses have in common."""

    keep_old: int = Field(
        default=KEEP_OLD_SECONDS,
        title="Keep the old way (s)",
        description="How long addresses that are replaced still lead to the brokers, for clients "
        "that were told of them; 300 is how long clients believe it by default. 0: not at all.",
    )
    unproved: bool = Field(
        default=False,
        title="Unproved",
        description="Go on although nobody can look from the clients' network; shown as unproved.",
    )

    @field_validator("keep_old")
    @classmethod
    def _kept(cls, seconds: int) -> int:
        if not 0 <= seconds <= LONGEST_KEPT:
            raise refusal("keep_old", seconds, f"0 to {LONGEST_KEPT:,} seconds are accepted")
        return seconds


class SetEndpoints(RewireRequest):
    """The address of each broker on 9011, for clients of other networks."""

    addresses: AddressList = Field(
        title="Addresses",
        description="One IPv4 address or domain name per broker, in the order of their ids, "
        f'separated by commas. "{NONE}": clients of other networks do not come in any more.',
    )

    @model_validator(mode="after")
    def _rules(self) -> SetEndpoints:
        if not self.addresses:
            raise Refused(f'addresses: one per broker is required; "{NONE}" closes 9011')
        if self.addresses != (NONE,):
            check_advertised("addresses", self.addresses, len(self.addresses))
        return self

    @property
    def route(self) -> Route | None:
        """The way that is asked for; None when 9011 is to be closed."""
        if self.addresses == (NONE,):
            return None
        return Route(mode=CrossMode.ENDPOINT, addresses=self.addresses)


def plan_endpoints(instance: Instance, request: SetEndpoints) -> RewirePlan:
    """What is left until clients are told these addresses; Refused for one too few or many."""
    route = request.route
    if route is not None:
        check_advertised("addresses", route.addresses, len(instance.brokers))
    network = None if request.unproved else Network.ENDPOINT
    return plan_route(instance, (route, network), request, f"Set endpoints of {instance.name}")


def plan_route(
    instance: Instance,
    asked: tuple[Route | None, Network | None],
    request: RewireRequest,
    title: str,
) -> RewirePlan:
    """The plan for another way to 9011, proved from a network, of whichever kind it is."""
    route, network = asked
    before = instance.settled_wish or instance.wish
    coming, after = with_coming_route(instance.wish, route), with_route(instance.wish, route)
    is_told = instance.wish.access.cross == route
    plan = RewirePlan(
        title,
        warnings=_warnings(before, network),
        instance=instance,
        listener=ListenerName.CROSS,
        before=remembering_names(instance, before),
        prepared=remembering_names(instance, instance.wish if is_told else coming),
        after=remembering_names(instance, after),
        addresses=route.addresses if route else (),
        network=network if route else None,
        keep_old=request.keep_old,
    )
    as_wished = is_told and not instance.change_is_open
    if as_wished and not told_otherwise(instance, instance.cluster):
        return plan
    check_answering(instance)
    return plan.doing(tuple(rewire_steps(plan)))


def _warnings(before: Wish, network: Network | None) -> tuple[str, ...]:
    old = before.access.cross
    found = []
    if old is not None:
        found.append(
            f"clients that know {', '.join(old.addresses)} move by themselves when they can reach "
            "the new addresses too; others are lost when the old way is closed"
        )
    if network is None:
        found.append("unproved: nobody looks from the clients' network")
    return tuple(found)
