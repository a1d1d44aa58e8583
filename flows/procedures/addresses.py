"""What the world says against addresses that an instance is to have, before anything is changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from flows.adapters.site import Doors, InstanceRow
from flows.domain.errors import Refused, refusal
from flows.domain.public_access import check_broker_of
from flows.domain.security_groups import GroupRule, keeps_closed, own_group
from flows.domain.vantage import Network, no_vantage


def check_vantage(doors: Doors, row: InstanceRow, network: Network, *, unproved: bool) -> None:
    """Refuses addresses that nobody could prove, unless that was accepted."""
    if not unproved and doors.vantages(row.wish.provider).of(network) is None:
        raise Refused(
            f"unproved off: {no_vantage(network)}; name one for it, or accept with unproved=true "
            "that the addresses are told to clients without a proof"
        )


def check_eips_free(doors: Doors, row: InstanceRow, field: str, eips: Sequence[str]) -> None:
    """Refuses what is no EIP of the provider, leads elsewhere, or is another broker's by now.

    `eips` are those of all brokers, in their order.
    """
    provider = doors.provider(row.wish.provider)
    led = provider.eips()
    ours = {machine.name for machine in doors.records.machines(row.id)}
    for wished, eip in enumerate(eips, 1):
        objection = provider.eip_objection(eip)
        if objection:
            raise refusal(field, eip, objection)
        if eip in led and led[eip] not in ours:
            raise refusal(field, eip, f"it is in use: it leads to {led[eip]}; release it first")
        check_broker_of(field, row.wish, eip, wished)


@dataclass(frozen=True)
class Way:
    """A field of a request, what it asks for, and the port that it lets these sources reach."""

    field: str
    value: str
    port: int
    sources: tuple[str, ...]


def check_groups(doors: Doors, row: InstanceRow, way: Way) -> None:
    """Refuses a way that an administrator's security group keeps closed, by its name."""
    for broker, group, rules in foreign_groups(doors, row):
        if keeps_closed(rules, way.sources, way.port):
            raise refusal(
                way.field,
                way.value,
                f"the security group {group}, in which somebody put the machine of broker {broker},"
                f" lets none of {', '.join(way.sources)} through to {way.port}; open it there "
                f"first, or put the machine into {own_group(row.id)}",
            )


def foreign_groups(
    doors: Doors, row: InstanceRow
) -> Iterator[tuple[int, str, tuple[GroupRule, ...]]]:
    """Broker, group and its rules, where a machine is in a group that is not the product's."""
    provider = doors.provider(row.wish.provider)
    if not provider.has_groups:
        return
    followed = {own_group(row.id), provider.defaults()["security_group"]}
    groups = provider.security_groups()
    for machine in doors.records.machines(row.id):
        group = provider.group_of(machine.name)
        if group not in followed:
            yield machine.broker, group, groups.get(group, ())


def check_of_nobody_else(
    doors: Doors, row: InstanceRow, field: str, addresses: Iterable[str]
) -> None:
    """Refuses an address that another living instance has, by its name."""
    taken = {
        address: other.wish.name
        for other in doors.records.living()
        if other.id != row.id
        for address in _addresses_of(doors, other)
    }
    for address in addresses:
        if address in taken:
            raise refusal(field, address, f"it belongs to the instance {taken[address]}")


def _addresses_of(doors: Doors, row: InstanceRow) -> Iterable[str]:
    access = row.wish.access
    yield from row.wish.public_access
    yield from access.coming_eips
    yield from access.former_eips.addresses if access.former_eips else ()
    for route in access.routes:
        yield from route.addresses
    for machine in doors.records.machines(row.id):
        yield machine.address
