"""set-security-group: who may reach the ports of the instance's clients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from typing import Any

from pydantic import Field, model_validator

from flows.domain.access import ANYONE, Access
from flows.domain.creation import AddressList
from flows.domain.errors import Refused, refusal
from flows.domain.instance import Instance
from flows.domain.limiting import firewall_is_other
from flows.domain.plan import Plan, PlannedStep
from flows.domain.request import InstanceRequest
from flows.domain.restart import check_answering
from flows.domain.wish import Wish

DEFAULT = "default"
MOST_SOURCES = 50


class SetSecurityGroup(InstanceRequest):
    """What is not given stays as it is."""

    private: AddressList = Field(
        default=(),
        title="Inside the network",
        description="Who may reach 9092, or 9093 with SASL_SSL: IPv4 addresses and networks, "
        f'separated by commas. "{DEFAULT}": the network of the provider\'s group. Empty: '
        "unchanged.",
    )
    public: AddressList = Field(
        default=(),
        title="Public",
        description="Who may reach 9094, or 9095 with SASL_SSL, while public access is on. "
        f'"{DEFAULT}": anyone. Empty: unchanged.',
    )

    @model_validator(mode="after")
    def _rules(self) -> SetSecurityGroup:
        for name, sources in (("private", self.private), ("public", self.public)):
            if sources != (DEFAULT,):
                _check_sources(name, sources)
        if not self.private and not self.public:
            raise Refused("request: it asks for nothing; give private, public, or both")
        return self


@dataclass(frozen=True)
class SourcesPlan(Plan):
    """The instance with the sources that it shall let in."""

    instance: Instance = field(kw_only=True)


def plan_sources(instance: Instance, request: SetSecurityGroup) -> SourcesPlan:
    """The hosts that do not let in exactly these; Refused when a machine does not answer."""
    after = replace(instance, wish=with_sources(instance.wish, request))
    steps = tuple(_steps(instance, after))
    if steps:
        check_answering(instance)
    warnings = tuple(_warnings(instance.wish.access, after.wish.access)) if steps else ()
    title = f"Set security group of {instance.name}"
    return SourcesPlan(title, steps, warnings, instance=after)


def with_sources(wish: Wish, request: SetSecurityGroup) -> Wish:
    """The wish that lets in what the request says."""
    change: dict[str, Any] = {}
    if request.private:
        change["private_sources"] = () if request.private == (DEFAULT,) else request.private
    if request.public:
        change["public_sources"] = () if request.public == (DEFAULT,) else request.public
    return wish.model_copy(update={"access": wish.access.model_copy(update=change)})


def _check_sources(name: str, sources: Sequence[str]) -> None:
    if len(sources) > MOST_SOURCES:
        raise Refused(f"{name} {len(sources)} sources: at most {MOST_SOURCES} are accepted")
    for number, source in enumerate(sources):
        try:
            IPv4Network(source)
        except ValueError:
            rule = "IPv4 addresses and networks such as 192.0.2.0/24 are accepted"
            raise refusal(name, source, rule) from None
        if source in sources[:number]:
            raise refusal(name, source, "it is named twice; each source once, please")


def _steps(instance: Instance, after: Instance) -> Iterator[PlannedStep]:
    before = (instance.settled_wish or instance.wish).access
    known = (_sources(before), _sources(instance.wish.access))
    wished = _sources(after.wish.access)
    for name in wished:
        if any(each[name] != wished[name] for each in known):
            words = f"{name} clients: {wished[name]} may connect"
            yield PlannedStep("hosts", words, f"{name} {wished[name]}")
    if all(each == wished for each in known):
        for broker in after.brokers:
            if firewall_is_other(after, broker):
                yield PlannedStep(f"broker {broker.id}", "load the wished firewall", "firewall")


def _sources(access: Access) -> dict[str, str]:
    return {
        "private": ", ".join(access.private_sources) or "the provider's network",
        "public": ", ".join(access.public_sources) or "anyone",
    }


def _warnings(before: Access, after: Access) -> Iterator[str]:
    if (before.private_sources, before.public_sources) != (
        after.private_sources,
        after.public_sources,
    ):
        yield "clients of other addresses are cut off at once, also those that are connected"
        yield "a vantage that is not let in sees no broker: proofs and check-access need it"
    if ANYONE in after.private_sources:
        yield "private: anyone who can route to the machines may connect"
