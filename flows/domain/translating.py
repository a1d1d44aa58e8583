"""set-dnat and remove-dnat: the requests, what gateways shall translate, and the plans.

The rules follow from the wish: every way of DNAT that is to be open now, the next one and the one
from before included. So whoever looks at a gateway and at the wish knows what is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from enum import StrEnum
from typing import Annotated

from pydantic import Field, model_validator

from flows.domain.access import Access, CrossMode, Route, check_eips
from flows.domain.choices import choice
from flows.domain.creation import AddressList
from flows.domain.dnat import Edge, GatewayState, Rule, Translation
from flows.domain.endpoints import RewireRequest, plan_route
from flows.domain.errors import Refused, refusal
from flows.domain.instance import Broker, Instance
from flows.domain.plan import PlannedStep
from flows.domain.request import InstanceRequest
from flows.domain.rewiring import RewirePlan, without_former
from flows.domain.vantage import Network
from flows.domain.wish import Wish


class Source(StrEnum):
    """Whose address brokers see: the client's own, or the gateway's."""

    PRESERVE = "preserve"
    MASQUERADE = "masquerade"


class SetDnat(RewireRequest):
    """Lead clients of other networks to port 9011 by EIPs of a gateway."""

    eips: AddressList = Field(
        title="EIPs",
        description="One IPv4 EIP per broker, in the order of their ids, separated by commas. "
        "They belong to the gateway, and to no broker.",
    )
    gateways: AddressList = Field(
        default=(),
        title="Gateways",
        description="Name of the gateway, or one name per broker, separated by commas. "
        "Empty: the only one there is.",
    )
    source: Annotated[Source, choice(Source, "source")] = Field(
        default=Source.PRESERVE,
        title="Source address",
        description="preserve: brokers see the client's address; the gateway must be their route "
        "back. masquerade: they see the gateway's.",
    )

    @model_validator(mode="after")
    def _rules(self) -> SetDnat:
        if not self.eips:
            raise Refused("eips: none is given; accepted is one IPv4 EIP for each broker")
        check_eips("eips", self.eips, len(self.eips))
        return self

    @property
    def translated(self) -> tuple[str, ...]:
        """Its EIPs."""
        return self.eips


class RemoveDnat(InstanceRequest):
    """Take the rules away and close port 9011."""

    @property
    def translated(self) -> tuple[str, ...]:
        """Gateways are looked at, for whatever they have."""
        return ()


def plan_dnat(instance: Instance, request: SetDnat) -> RewirePlan:
    """The rules, then the addresses that clients are told; nothing when both are so."""
    check_eips("eips", request.eips, len(instance.brokers))
    route = _route(instance, request)
    check_free("eips", instance, route)
    _check_gateways(instance, route)
    network = None if request.unproved else Network.OUTSIDE
    plan = plan_route(instance, (route, network), request, f"Set DNAT of {instance.name}")
    warnings = (*plan.warnings, *_warnings(instance, route))
    steps = tuple(_gateway_steps(plan)) if plan.steps or _gateways_differ(plan) else ()
    return replace(plan, steps=(*steps, *plan.steps), warnings=warnings if steps else ())


def plan_dnat_removal(instance: Instance, request: RemoveDnat) -> RewirePlan:
    """No way of DNAT is left; where clients are told one, 9011 is closed."""
    access = instance.wish.access
    told = access.cross is not None and access.cross.mode is CrossMode.DNAT
    asked = (None if told else access.cross, None)
    title = f"Remove DNAT of {instance.name}"
    at_once = RewireRequest(instance=request.instance, keep_old=0, unproved=True)
    plan = plan_route(instance, asked, at_once, title)
    surplus = gateways_with_rules(instance)
    if not told and not surplus:
        return replace(plan, steps=(), warnings=())
    plan = replace(plan, after=without_former(plan.after))
    steps = tuple(
        PlannedStep(f"gateway {name}", "take every rule of the instance away", "none")
        for name in surplus
    )
    lost = "whoever comes by DNAT cannot come in any more" if told else ""
    return replace(
        plan, steps=(*steps, *plan.steps), warnings=tuple(filter(None, [lost, *plan.warnings]))
    )


def translation_of(instance: Instance, gateway: str) -> Translation:
    """What a gateway shall translate, by the wish: every way that is to be open now.

    Where two ways want it otherwise, the newest says whether it masquerades.
    """
    routes = [route for route in _newest_first(instance.wish) if gateway in route.gateways]
    rules = {
        rule: None
        for route in routes
        for broker in instance.brokers
        if (rule := _rule(route, broker, gateway)) is not None
    }
    masquerade = bool(routes) and routes[0].masquerade
    return Translation(instance.id, tuple(rules), masquerade)


def gateway_of(route: Route, broker: int) -> str:
    """The gateway that translates for a broker: its own, or the one of all."""
    one_each = len(route.gateways) == len(route.addresses)
    return route.gateways[broker - 1] if one_each else route.gateways[0]


def gateways_of(*wishes: Wish) -> tuple[str, ...]:
    """Every gateway of which one of these wishes speaks."""
    routes = (route for wish in wishes for route in _newest_first(wish))
    return tuple(dict.fromkeys(name for route in routes for name in route.gateways))


def speaking_of(wish: Wish, gateways: Iterable[str]) -> Wish:
    """A wish that names these gateways and no others, for who asks which are to be looked at."""
    names = tuple(gateways)
    route = Route(mode=CrossMode.DNAT, addresses=(), gateways=names) if names else None
    access = wish.access.model_copy(update={"cross": route, "coming": None, "former": None})
    return wish.model_copy(update={"access": access})


def without_ways(instance: Instance) -> Instance:
    """The instance as if no client of another network were ever let in."""
    nothing = {"access": Access(), "public_access": ()}
    return replace(instance, wish=instance.wish.model_copy(update=nothing))


def surplus_eips(state: GatewayState, wished: Translation) -> tuple[str, ...]:
    """EIPs that the gateway leads to brokers and that are not wished any more."""
    kept = {rule.eip for rule in wished.rules}
    present = [*state.filed, *(each.rule for each in state.live)]
    return tuple(dict.fromkeys(rule.eip for rule in present if rule.eip not in kept))


def _newest_first(wish: Wish) -> list[Route]:
    access = wish.access
    former = access.former.route if access.former else None
    found = (access.coming, access.cross, former)
    return [route for route in found if route is not None and route.mode is CrossMode.DNAT]


def _rule(route: Route, broker: Broker, gateway: str) -> Rule | None:
    eip = route.address_of(broker.id)
    if eip is None or broker.address is None or gateway_of(route, broker.id) != gateway:
        return None
    return Rule(broker.id, eip, broker.address)


def _route(instance: Instance, request: SetDnat) -> Route:
    gateways = _named_gateways(instance, request)
    hidden = request.source is Source.MASQUERADE
    return Route(
        mode=CrossMode.DNAT,
        addresses=request.eips,
        gateways=gateways,
        masquerade=hidden,
        seen_as=tuple(_seen_as(instance, gateways)) if hidden else (),
    )


def _named_gateways(instance: Instance, request: SetDnat) -> tuple[str, ...]:
    known = tuple(_edge(instance).gateways)
    if not known:
        raise Refused(
            f'instance "{instance.name}": there is no gateway before its machines '
            f"({instance.wish.provider}), so no rule can be made; name one in the list of hosts"
        )
    if not request.gateways and len(known) > 1:
        rule = f"there are several; accepted is one of {', '.join(known)}, or one for each broker"
        raise refusal("gateways", "", rule)
    named = request.gateways or known
    for name in named:
        if name not in known:
            raise refusal("gateways", name, f"accepted are {', '.join(known)}")
    if len(named) not in (1, len(instance.brokers)):
        raise Refused(
            f"gateways {len(named)} names: one for all brokers or one for each is accepted, "
            f"{len(instance.brokers)} of them"
        )
    return named


def _seen_as(instance: Instance, gateways: Iterable[str]) -> Iterator[str]:
    """The addresses that brokers see of what the gateways masquerade."""
    states = (_edge(instance).gateways[name] for name in gateways)
    sources = (
        source
        for state in states
        if isinstance(state, GatewayState)
        for source in state.sources.values()
    )
    yield from dict.fromkeys(filter(None, sources))


def _gateways_differ(plan: RewirePlan) -> bool:
    """Whether a gateway has other rules than it is to have."""
    wished = plan.with_wish(plan.after)
    states = {name: _edge(plan.instance).gateways.get(name) for name in gateways_of(plan.after)}
    return any(
        not isinstance(state, GatewayState) or not state.holds(translation_of(wished, name))
        for name, state in states.items()
    )


def gateways_with_rules(instance: Instance) -> tuple[str, ...]:
    """The gateways that have a rule of the instance, or of which the wish speaks.

    One that was silent while its change was taken back has some of which no wish speaks.
    """
    having = [
        name
        for name, state in _edge(instance).gateways.items()
        if isinstance(state, GatewayState) and (state.filed or state.live or state.loads_at_boot)
    ]
    return tuple(dict.fromkeys([*gateways_of(instance.wish), *having]))


def _edge(instance: Instance) -> Edge:
    return instance.edge or Edge()


def _gateway_steps(plan: RewirePlan) -> Iterator[PlannedStep]:
    for name in gateways_of(plan.after):
        for rule in translation_of(plan.with_wish(plan.after), name).rules:
            words = f"{rule.eip}:9011 leads to broker {rule.broker} at {rule.private}:9011"
            yield PlannedStep(f"gateway {name}", words, f"{rule}")


def _warnings(instance: Instance, route: Route) -> Iterator[str]:
    yield "9011 is open to anyone, by the EIPs"
    if route.masquerade:
        seen = ", ".join(route.seen_as) or "the gateway's address"
        yield f"brokers see {seen} instead of their clients; the limit per address is raised for it"
        if not instance.wish.release.address_limits_live:
            release = instance.wish.release.release
            yield f"Kafka {release} learns limits per address at its next start only"


def check_free(field: str, instance: Instance, route: Route) -> None:
    """Refuses an EIP of a broker or of somebody else, and one that would lead to two brokers."""
    machines = {b.machine.name: b.id for b in instance.brokers if b.machine is not None}
    for broker, eip in enumerate(route.addresses, 1):
        owner = _edge(instance).eips.get(eip)
        if owner in machines or eip in instance.wish.public_access:
            number = machines.get(owner or "") or instance.wish.public_access.index(eip) + 1
            rule = f"it is broker {number}'s own for public access; an EIP of DNAT belongs to the "
            raise refusal(field, eip, f"{rule}gateway and to no broker")
        if owner is not None and owner not in route.gateways:
            raise refusal(field, eip, f"it belongs to {owner}; accepted is an EIP that is free")
        _check_same_broker(instance, broker, eip)
        objection = _edge(instance).objections.get(eip)
        if objection:
            raise refusal(field, eip, objection)


def _check_same_broker(instance: Instance, broker: int, eip: str) -> None:
    for route in _newest_first(instance.wish):
        if eip in route.addresses and route.addresses.index(eip) + 1 != broker:
            present = route.addresses.index(eip) + 1
            raise refusal(
                "eips",
                eip,
                f"it leads to broker {present} now, and clients still know it as that one; "
                f"accepted for broker {broker} is another EIP",
            )


def _check_gateways(instance: Instance, route: Route) -> None:
    for name in dict.fromkeys(route.gateways):
        state = _edge(instance).gateways[name]
        if not isinstance(state, GatewayState):
            raise refusal("gateways", name, f"it cannot be used now: {state}")
        if not state.forwards:
            rule = "it forwards nothing; accepted is one with net.ipv4.ip_forward = 1"
            raise refusal("gateways", name, rule)
        if state.foreign:
            told = "; ".join(state.foreign)
            raise refusal("gateways", name, f"rules of others are in the way there: {told}")
        if not route.masquerade:
            _check_route_back(instance, route, state)


def _check_route_back(instance: Instance, route: Route, state: GatewayState) -> None:
    """Answers that take another way than the question never reach the client."""
    for broker in instance.brokers:
        if gateway_of(route, broker.id) != state.name or broker.host is None:
            continue
        back = broker.host.default_gateway
        if back and back not in state.addresses:
            raise refusal(
                "source",
                str(Source.PRESERVE),
                f"broker {broker.id} answers by way of {back}, which is not gateway {state.name} "
                f"({', '.join(state.addresses)}), so clients would get no answer; accepted is "
                f"{Source.MASQUERADE}, or a default route of the brokers by the gateway",
            )
