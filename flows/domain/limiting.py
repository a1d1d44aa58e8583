"""set-connection-limits: how many connections one address may have, and where endpoints lie."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Network
from typing import Any

from pydantic import Field, field_validator, model_validator

from flows.domain import paths
from flows.domain.connections import UNLIMITED_PER_ADDRESS
from flows.domain.errors import Refused, refusal
from flows.domain.firewall import firewall_digest
from flows.domain.instance import Broker, Instance
from flows.domain.plan import Plan, PlannedStep
from flows.domain.request import InstanceRequest
from flows.domain.restart import check_answering
from flows.domain.wish import Wish

FEWEST_PER_ADDRESS = 10
"""One client alone has several connections to a broker: metadata, its group, its requests."""
WIDEST_NETWORK = 8
_LIMIT = "max.connections.per.ip"


class SetConnectionLimits(InstanceRequest):
    """What is not given stays as it is."""

    per_address: int | None = Field(
        default=None,
        title="Connections per address",
        description="How many connections one client address may have to each broker, "
        f"{FEWEST_PER_ADDRESS} to {UNLIMITED_PER_ADDRESS:,}. Empty: unchanged.",
    )
    endpoint_network: str = Field(
        default="",
        title="Endpoint network",
        description="From where endpoint services reach 9011: an IPv4 network such as "
        "198.19.128.0/17. Empty: unchanged.",
    )

    @field_validator("per_address", mode="before")
    @classmethod
    def _empty_is_unchanged(cls, value: object) -> object:
        return None if value == "" else value

    @field_validator("per_address")
    @classmethod
    def _sensible(cls, limit: int | None) -> int | None:
        if limit is not None and not FEWEST_PER_ADDRESS <= limit <= UNLIMITED_PER_ADDRESS:
            rule = f"{FEWEST_PER_ADDRESS} to {UNLIMITED_PER_ADDRESS:,} connections are accepted"
            raise refusal("per_address", limit, rule)
        return limit

    @field_validator("endpoint_network")
    @classmethod
    def _network(cls, text: str) -> str:
        if text:
            _check_network(text)
        return text

    @model_validator(mode="after")
    def _asks(self) -> SetConnectionLimits:
        if self.per_address is None and not self.endpoint_network:
            raise Refused(
                "request: it asks for nothing; give per_address, endpoint_network, or both"
            )
        return self


@dataclass(frozen=True)
class LimitsPlan(Plan):
    """The instance with the limits that it shall have."""

    instance: Instance = field(kw_only=True)


def plan_limits(instance: Instance, request: SetConnectionLimits) -> LimitsPlan:
    """What hosts and brokers do not have yet; Refused when a machine does not answer."""
    after = replace(instance, wish=_limited(instance.wish, request))
    steps = tuple(_steps(instance, after))
    if steps:
        check_answering(instance)
    warnings = tuple(_warnings(instance, after)) if steps else ()
    return LimitsPlan(f"Set connection limits of {instance.name}", steps, warnings, instance=after)


def firewall_is_other(instance: Instance, broker: Broker) -> bool:
    """Whether the file that a host's firewall is loaded from is not the one that is wished."""
    present = broker.host.digests.get(paths.FIREWALL) if broker.host else None
    return present != firewall_digest(instance)


def _check_network(text: str) -> None:
    try:
        network = IPv4Network(text)
    except ValueError:
        rule = "an IPv4 network is accepted, such as 198.19.128.0/17, without bits of a host"
        raise refusal("endpoint_network", text, rule) from None
    if network.prefixlen < WIDEST_NETWORK:
        rule = f"wider than /{WIDEST_NETWORK}; only with DNAT 9011 is open to anyone"
        raise refusal("endpoint_network", text, rule)


def _limited(wish: Wish, request: SetConnectionLimits) -> Wish:
    change: dict[str, Any] = {}
    if request.per_address is not None:
        change["per_address"] = request.per_address
    if request.endpoint_network:
        change["endpoint_network"] = request.endpoint_network
    return wish.model_copy(update={"access": wish.access.model_copy(update=change)})


def _steps(instance: Instance, after: Instance) -> Iterator[PlannedStep]:
    before = (instance.settled_wish or instance.wish).access
    access = after.wish.access
    asked = {before.per_address, instance.wish.access.per_address}
    if asked != {access.per_address} or _told_other(after):
        words = f"at most {access.per_address:,} connections of one address to each broker"
        yield PlannedStep("brokers", words, str(access.per_address))
    networks = {before.endpoint_network, instance.wish.access.endpoint_network}
    if networks != {access.endpoint_network}:
        words = f"9011 lets in the endpoint network {access.endpoint_network}"
        yield PlannedStep("hosts", words, access.endpoint_network)
    for broker in after.brokers:
        if networks == {access.endpoint_network} and firewall_is_other(after, broker):
            words = "load the firewall that is wished"
            yield PlannedStep(f"broker {broker.id}", words, "firewall")


def _told_other(instance: Instance) -> bool:
    """Whether a running broker was told another limit, which wins over its file."""
    told = instance.cluster.broker_configs if instance.cluster else {}
    wished = str(instance.wish.access.per_address)
    return any(
        told.get(str(each.id), {}).get(_LIMIT, wished) != wished for each in instance.brokers
    )


def _warnings(instance: Instance, after: Instance) -> Iterator[str]:
    before, access = instance.wish.access, after.wish.access
    if before.per_address != access.per_address and not after.wish.release.address_limits_live:
        release = after.wish.release.release
        yield f"Kafka {release} learns limits per address at its next start only"
    if access.per_address < before.per_address:
        yield "connections that are open stay, also above the limit; new ones are refused"
    if before.endpoint_network != access.endpoint_network and access.cross_sources == (
        access.endpoint_network,
    ):
        yield f"clients that come to 9011 from outside {access.endpoint_network} are cut off"
