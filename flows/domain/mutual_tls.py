"""set-mutual-tls: the request, the plan, and what a broker is told for it while it runs.

A listener cannot change its protocol, but it can be taken away and made anew without a restart
(KIP-226): all its connections end. So every client has to change at once, and whoever asks for it
has to say who they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated, ClassVar

from pydantic import Field

from flows.domain.choices import Switch, choice
from flows.domain.errors import refusal
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import Protocol, client_protocol
from flows.domain.plan import Plan, PlannedStep
from flows.domain.request import InstanceRequest
from flows.domain.seen_clients import MINUTES, addresses_of, users_of
from flows.domain.server_properties import client_auth, endpoints, protocol_map
from flows.domain.users import check_every_broker, settled
from flows.domain.wish import Wish

MAP = "listener.security.protocol.map"


class SetMutualTls(InstanceRequest):
    """Let clients in by a certificate instead of a password, or by a password again."""

    names_clients: ClassVar[bool] = True

    mutual_tls: Annotated[Switch, choice(Switch, "mutual_tls")] = Field(
        title="Mutual TLS",
        description="on: clients show a certificate (security.protocol=SSL); off: they log in "
        "with a password (SASL_SSL). All connections of clients end, on the same ports.",
    )
    confirm: str = Field(
        default="",
        title="Confirm",
        description="The users that are connected now, separated by commas; the instance's name "
        "if there is none. Not needed with an approved plan.",
    )


@dataclass(frozen=True)
class MutualTlsPlan(Plan):
    """The wish that the instance shall have; its client listeners are made anew for it."""

    instance: Instance = field(kw_only=True)
    wish: Wish = field(kw_only=True)


def plan_mutual_tls(instance: Instance, request: SetMutualTls) -> MutualTlsPlan:
    """Client listeners with the other protocol on every broker; nothing when they have it."""
    present, wished = settled(instance), request.mutual_tls is Switch.ON
    title = f"Switch mutual TLS of {instance.name} {request.mutual_tls}"
    _check_secured(instance)
    if present.mutual_tls == wished:
        return MutualTlsPlan(title, instance=instance, wish=present)
    _check_own_authority(instance, wished)
    check_every_broker(instance, "listeners are changed")
    if not request.plan_only and not request.approved_plan:
        _check_confirmed(instance, request.confirm)
    wish = present.model_copy(update={"mutual_tls": wished})
    steps = (*_broker_steps(instance, wish), *_client_steps(instance))
    warnings = tuple(_warnings(instance, wish))
    return MutualTlsPlan(title, steps, warnings, instance=instance, wish=wish)


def closed_to_clients(instance: Instance, broker: Broker) -> Mapping[str, str]:
    """What a broker is told to take the listeners of its clients away."""
    own = (each for each in instance.listeners(broker) if not each.for_clients)
    return endpoints(broker, own)


def open_to_clients(instance: Instance, broker: Broker) -> Mapping[str, str]:
    """What a broker is told to have all listeners, with the protocols of the wish.

    Keys are set and never deleted: a broker that runs does not go back to its file for one.
    """
    listeners = instance.listeners(broker)
    told = {
        **endpoints(broker, listeners),
        MAP: protocol_map(listeners),
    }
    for listener in listeners:
        if listener.for_clients and listener.secured:
            told |= client_auth(listener)
    return told


def was_told(instance: Instance, broker: Broker) -> bool:
    """Whether a broker was told already to have its listeners as they are wished."""
    state = instance.cluster
    known = state.broker_configs.get(str(broker.id), {}) if state else {}
    return open_to_clients(instance, broker).items() <= known.items()


def speaking_otherwise(instance: Instance, wish: Wish) -> tuple[Broker, ...]:
    """Brokers that were told, while they run, other protocols of their listeners than the wish has.

    One that was never told any goes by its file.
    """
    wished = replace(instance, wish=wish)
    return tuple(broker for broker in instance.brokers if _speaks_otherwise(wished, broker))


def _speaks_otherwise(wished: Instance, broker: Broker) -> bool:
    state, listeners = wished.cluster, wished.listeners(broker)
    known = state.broker_configs.get(str(broker.id), {}) if state else {}
    present = known.get("listeners", "")
    away = any(f"{each.name}://" not in present for each in listeners) if present else False
    return away or known.get(MAP, protocol_map(listeners)) != protocol_map(listeners)


def _check_secured(instance: Instance) -> None:
    if not instance.wish.sasl_ssl:
        rule = "mutual TLS needs SASL_SSL, which is off; that is fixed"
        raise refusal("instance", instance.name, rule)


def _check_own_authority(instance: Instance, wished: bool) -> None:
    numbers = instance.wish.client_facing
    if wished and numbers.authority in numbers.uploaded:
        rule = (
            "the authority that clients trust is a user's own, so the product can have no "
            "certificate to prove the change with; replace it by one of ours first"
        )
        raise refusal("mutual_tls", "on", rule)


def _check_confirmed(instance: Instance, confirm: str) -> None:
    if instance.change_is_open:
        return
    users = users_of(instance.clients)
    accepted = ",".join(users) or instance.name
    given = {part.strip() for part in confirm.split(",") if part.strip()}
    if given == set(accepted.split(",")):
        return
    names = f"{_list(users)} asked" if users else "nobody asked"
    rule = (
        f"{names} for something in the last {MINUTES} minutes, and every client has to change at "
        f'once; accepted is "{accepted}", or the hash of a plan that you looked at (approved_plan)'
    )
    raise refusal("confirm", confirm, rule)


def _broker_steps(instance: Instance, wish: Wish) -> Iterator[PlannedStep]:
    protocol = client_protocol(sasl_ssl=wish.sasl_ssl, mutual_tls=wish.mutual_tls)
    how = "a certificate is required" if protocol is Protocol.SSL else "a password is required"
    for broker in instance.brokers:
        words = f"make the listeners of its clients anew with {protocol}, while it runs: {how}"
        yield PlannedStep(f"broker {broker.id}", words, str(protocol))


def _client_steps(instance: Instance) -> Iterator[PlannedStep]:
    # Who is cut off is what gets approved; once it was begun, it is whoever comes back meanwhile.
    for user in () if instance.change_is_open else users_of(instance.clients):
        where = ", ".join(addresses_of(instance.clients, user))
        yield PlannedStep(f"user {user}", f"end its connections, from {where}", "ends")


def _warnings(instance: Instance, wish: Wish) -> Iterator[str]:
    if not wish.mutual_tls:
        return
    holders = {each.user for each in wish.client_certificates if not each.revoked}
    without = [user for user in users_of(instance.clients) if user not in holders]
    if without:
        yield (
            f"connected now, and without a certificate that was issued: {_list(without)} "
            "(issue-client-certificate)"
        )


def _list(names: tuple[str, ...] | list[str]) -> str:
    *others, last = names
    return f"{', '.join(others)} and {last}" if others else last
