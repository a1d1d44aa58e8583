"""add-brokers: the request, and the plan of which brokers are still to come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from pydantic import Field, model_validator

from flows.domain.access import CrossMode, check_eips
from flows.domain.creation import (
    AddressList,
    Proofs,
    broker_steps,
    check_brokers,
    check_provider,
    check_storage,
)
from flows.domain.errors import Refused, refusal
from flows.domain.instance import Broker, Instance, zone_of
from flows.domain.listeners import ListenerName
from flows.domain.plan import Plan, PlannedStep
from flows.domain.public_access import check_not_translated
from flows.domain.quotas import check_quotas
from flows.domain.reassignment import Pace, left_behind
from flows.domain.rebalancing import evened
from flows.domain.request import InstanceRequest
from flows.domain.restart import check_answering
from flows.domain.speed import Throttle
from flows.domain.translating import check_free
from flows.domain.vantage import Network
from flows.domain.wish import Wish


class AddBrokers(InstanceRequest):
    """Give an instance more brokers; those that it has are not touched."""

    brokers: int = Field(
        title="Brokers",
        description="Number of brokers in all afterwards: more than now, up to 30, or 50 from "
        "kafka.8u16g.cluster on. Storage grows in proportion.",
    )
    rebalance: bool = Field(
        default=False,
        title="Rebalance",
        description="Move partitions onto the new brokers as well; otherwise topics stay where "
        "they are, and only new ones use the new brokers.",
    )
    accept_san_gap: bool = Field(
        default=False,
        title="Accept a missing name",
        description="Add brokers although a user's own certificate, which they serve too, may lack "
        "their addresses; clients that check names refuse them until the next upload.",
    )
    eips: AddressList = Field(
        default=(),
        title="EIPs",
        description="With public access: one IPv4 EIP for each new broker, in the order of their "
        "ids, separated by commas.",
    )
    dnat_eips: AddressList = Field(
        default=(),
        title="EIPs of DNAT",
        description="Where clients come by DNAT: one IPv4 EIP of the gateway for each new broker. "
        "Empty: set-dnat names them later.",
    )
    unproved: bool = Field(
        default=False,
        title="Unproved",
        description="Tell clients these EIPs although nobody can look from outside.",
    )
    throttle: Throttle = Field(
        default=0.0,
        title="Throttle (MB/s)",
        description="How fast each broker copies partitions at most while it rebalances; 0: as "
        "fast as it can.",
    )

    @model_validator(mode="after")
    def _rules(self) -> AddBrokers:
        check_eips("eips", self.eips, len(self.eips))
        check_eips("dnat_eips", self.dnat_eips, len(self.dnat_eips))
        return self

    @property
    def translated(self) -> tuple[str, ...] | None:
        """Those that gateways are to translate, if any."""
        return self.dnat_eips or None

    def eips_after(self, wish: Wish) -> tuple[str, ...]:
        """The EIPs of all brokers once the new ones are there."""
        return _extended(wish.public_access, self.eips, self.brokers)

    def wish_after(self, wish: Wish) -> Wish:
        """The wish with the new brokers and their EIPs."""
        route = wish.access.cross
        if route is not None and self.dnat_eips:
            every = _extended(route.addresses, self.dnat_eips, self.brokers)
            route = route.model_copy(update={"addresses": every})
        access = wish.access.model_copy(update={"cross": route})
        eips = self.eips_after(wish)
        change = {"brokers": self.brokers, "public_access": eips, "access": access}
        return wish.model_copy(update=change)

    @property
    def proofs(self) -> Proofs:
        """The ways of clients that the new brokers are to be reached by."""
        given = ((ListenerName.PUBLIC, self.eips), (ListenerName.CROSS, self.dnat_eips))
        return tuple((name, Network.OUTSIDE) for name, eips in given if eips and not self.unproved)


def _extended(present: tuple[str, ...], more: tuple[str, ...], brokers: int) -> tuple[str, ...]:
    """The addresses of all brokers; those that are there already are not added again."""
    there = len(present) == brokers and present[len(present) - len(more) :] == more
    return present if there else (*present, *more)


@dataclass(frozen=True)
class GrowthPlan(Plan):
    """The instance with its new brokers, and whether partitions move onto them.

    `proofs` are the ways by which clients are to reach the new brokers, each from a network.
    """

    instance: Instance = field(kw_only=True)
    wish: Wish = field(kw_only=True)
    rebalance: bool = field(kw_only=True)
    pace: Pace = field(kw_only=True)
    proofs: Proofs = field(kw_only=True, default=())


def plan_growth(instance: Instance, request: AddBrokers) -> GrowthPlan:
    """The brokers that are still to be made; Refused past a limit or without room."""
    wish = request.wish_after(instance.wish)
    title = f"Add brokers to {instance.name}"
    grown = _with_brokers(instance, wish)
    if wish != instance.wish:
        _check(instance, grown)
        _check_certificate(instance, request)
        _check_public(grown.wish, request)
        check_not_translated("eips", instance.wish, request.eips)
        _check_dnat(instance, grown.wish, request)
    as_wished = wish == instance.wish and not instance.change_is_open
    nothing = as_wished and not (request.rebalance and _is_uneven(grown))
    return GrowthPlan(
        title,
        () if nothing else tuple(_steps(grown, request)),
        () if nothing else tuple(_warnings(grown.wish, request)),
        instance=grown,
        wish=wish,
        rebalance=request.rebalance,
        pace=Pace.at(request.throttle),
        proofs=request.proofs,
    )


def _is_uneven(instance: Instance) -> bool:
    """Whether partitions are still to move, or a rebalance that was cut off to be tidied up."""
    zones = {broker.id: broker.zone for broker in instance.brokers}
    state = instance.cluster
    return state is not None and (left_behind(state) or bool(evened(state, zones).moves))


def _with_brokers(instance: Instance, wish: Wish) -> Instance:
    """The same instance with the brokers that it is yet to get; they have no machine."""
    around = instance.surroundings
    zones = around.zones[: wish.availability_zones] if around else ("",)
    new = tuple(
        Broker(id=number, zone=zone_of(number, zones))
        for number in range(len(instance.brokers) + 1, wish.brokers + 1)
    )
    return replace(instance, wish=wish, brokers=(*instance.brokers, *new))


def _check(instance: Instance, grown: Instance) -> None:
    present, asked = instance.wish.brokers, grown.wish.brokers
    if asked < present:
        rule = f"{instance.name} has {present} brokers, and they are never fewer; more is accepted"
        raise refusal("brokers", asked, rule)
    check_brokers(asked, grown.wish.flavor_row)
    check_storage(grown.wish.storage_per_broker, asked, grown.wish.flavor_row)
    check_quotas(instance.allowance, grown.wish)
    check_answering(instance)
    check_provider(grown)


def _check_certificate(instance: Instance, request: AddBrokers) -> None:
    numbers = instance.wish.client_facing
    if numbers.authority in numbers.uploaded and not request.accept_san_gap:
        raise Refused(
            "accept_san_gap: clients see a user's own certificate, which new brokers serve too, "
            "and their addresses are not known before they are there; accepted is "
            "accept_san_gap=true, and then an upload that names all brokers"
        )


def _check_public(grown: Wish, request: AddBrokers) -> None:
    """Refuses EIPs that are not one for each new broker while public access is on."""
    given, eips = len(request.eips), grown.public_access
    if not eips:
        return
    if given == len(eips):
        rule = "public access is off, so no broker has one; set-public-access gives one to each"
        raise refusal("eips", ",".join(request.eips), rule)
    missing = grown.brokers - len(eips)
    if missing:
        rule = f"public access is on; one for each new broker is accepted, {given + missing} of"
        raise Refused(f"eips {given} EIPs: {rule} them")
    check_eips("eips", eips, grown.brokers)


def _check_dnat(instance: Instance, grown: Wish, request: AddBrokers) -> None:
    """Refuses EIPs of DNAT where there is no DNAT, that are too few, or somebody else's."""
    route, given = grown.access.cross, request.dnat_eips
    if not given:
        return
    if route is None or route.mode is not CrossMode.DNAT:
        raise refusal("dnat_eips", ",".join(given), "clients do not come by DNAT; see set-dnat")
    if len(route.gateways) > 1:
        rule = "each broker has a gateway of its own; set-dnat names those of all brokers, later"
        raise refusal("dnat_eips", ",".join(given), rule)
    check_eips("dnat_eips", route.addresses, grown.brokers)
    for eip in given:
        if eip in grown.public_access:
            rule = "an EIP of DNAT belongs to the gateway and to no broker"
            raise refusal("dnat_eips", eip, rule)
    check_free("dnat_eips", instance, route)


def _warnings(grown: Wish, request: AddBrokers) -> Iterator[str]:
    route = grown.access.cross
    if route is not None and len(route.addresses) < grown.brokers:
        verb = "set-dnat" if route.mode is CrossMode.DNAT else "set-endpoints"
        yield f"clients of other networks do not reach the new brokers until {verb} names them"
    if request.unproved and (request.eips or request.dnat_eips):
        yield "unproved: nobody looks from outside"


def _steps(grown: Instance, request: AddBrokers) -> Iterator[PlannedStep]:
    for broker in grown.brokers:
        yield from broker_steps(grown, broker)
    for eip in request.dnat_eips:
        yield PlannedStep("gateway", f"{eip}:9011 leads to a new broker", f"dnat {eip}")
    words = "let the new brokers in at every host, prove each broker with messages"
    yield PlannedStep("instance", words, f"brokers {grown.wish.brokers}")
    if request.rebalance:
        words = "move partitions so that all brokers carry and lead evenly"
        yield PlannedStep("partitions", words, "rebalance")
