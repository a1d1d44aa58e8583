"""The verbs of the lab's cloud: EIPs, endpoints, security groups, cut links.

Each changes the state on file and loads the table that follows from it, under one lock.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv4Network
from typing import Literal

from inventories.lab.commands import in_netns, run
from inventories.lab.errors import CommandFailed, LabRefused
from inventories.lab.model import DEFAULT_GROUP, Rule
from inventories.lab.network import NETNS
from inventories.lab.ruleset import Cloud, default_rules, ruleset
from inventories.lab.site import Site
from inventories.lab.state import locked, write

GROUP_NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,30}[a-z0-9])?")
Kind = Literal["eips", "endpoints"]


def assign_eip(site: Site, eip: IPv4Address, machine: str) -> None:
    """The EIP leads to the machine, and the machine's own connections leave as its first EIP.

    An EIP of the gateway ends at the gateway, whose own rules say what becomes of it.
    """
    _assign(site, "eips", eip, machine)


def release_eip(site: Site, eip: IPv4Address) -> None:
    """The EIP leads nowhere, and connections through it have ended."""
    _release(site, "eips", eip)


def assign_endpoint(site: Site, address: IPv4Address, machine: str) -> None:
    """VPC clients reach the machine at this address; the machine sees one address for them all."""
    _assign(site, "endpoints", address, machine)


def release_endpoint(site: Site, address: IPv4Address) -> None:
    """The endpoint address leads nowhere, and connections through it have ended."""
    _release(site, "endpoints", address)


def owners(site: Site, kind: Kind) -> dict[IPv4Address, str]:
    """The machine's name behind each assigned address."""
    names = {record.address: record.spec.name for record in site.files.machine_records()}
    assigned: dict[IPv4Address, IPv4Address] = getattr(site.files.read_cloud(), kind)
    return {address: names[to] for address, to in sorted(assigned.items())}


def set_security_group(site: Site, group: str, rules: tuple[Rule, ...]) -> None:
    """The group allows these connections to its machines and no others; SSH stays the host's."""
    if not GROUP_NAME.fullmatch(group):
        raise LabRefused(
            f"security group {group!r} must be 1-32 lower-case letters, digits or hyphens"
        )
    with _changing(site) as cloud:
        cloud.groups[group] = rules


def remove_security_group(site: Site, group: str) -> None:
    """The group is gone; refused while a machine is in it."""
    with _changing(site) as cloud:
        members = sorted(str(address) for address, of in cloud.members.items() if of == group)
        if members:
            raise LabRefused(f"security group {group!r} is in use by {', '.join(members)}")
        cloud.groups.pop(group, None)


def security_groups(site: Site) -> dict[str, tuple[Rule, ...]]:
    """The rules of every group, the one that machines are in by default included."""
    return {DEFAULT_GROUP: default_rules(site.plan), **site.files.read_cloud().groups}


def put_in_group(site: Site, machine: str, group: str) -> None:
    """The machine is in this group and in no other."""
    address = site.known(machine).address
    with _changing(site) as cloud:
        if group not in {DEFAULT_GROUP, *cloud.groups}:
            known = ", ".join(sorted({DEFAULT_GROUP, *cloud.groups}))
            raise LabRefused(f"security group {group!r} must be one of {known}")
        cloud.members[address] = group


def cut(site: Site, machine: str) -> None:
    """Nothing reaches the machine and nothing leaves it; living connections stall too."""
    address = site.known(machine).address
    with _changing(site) as cloud:
        cloud.cut.add(address)


def partition(site: Site, one: str, other: str) -> None:
    """The two machines do not reach each other; all others reach both."""
    a, b = site.known(one).address, site.known(other).address
    with _changing(site) as cloud:
        cloud.pairs |= {(a, b), (b, a)}


def heal(site: Site, *machines: str) -> None:
    """No cut or partition concerns the machines any more; without names, none at all."""
    healed = {site.known(name).address for name in machines}
    with _changing(site) as cloud:
        _heal(cloud, healed or cloud.cut | {a for a, _ in cloud.pairs})


def forget_machine(site: Site, address: IPv4Address) -> None:
    """The cloud knows nothing of a removed machine, so that its address is as new."""
    owned = site.files.read_cloud().owned_by(address)
    with _changing(site) as cloud:
        for key in owned:
            cloud.eips.pop(key, None)
            cloud.endpoints.pop(key, None)
        cloud.members.pop(address, None)
        _heal(cloud, {address})
    _end_connections(site, owned)


def gateway_went_down(site: Site, address: IPv4Address) -> None:
    """What the gateway translated is forgotten, since here its kernel outlives it."""
    if address == site.plan.gateway:
        _end_connections(site, site.files.read_cloud().owned_by(address))


@contextmanager
def _changing(site: Site) -> Iterator[Cloud]:
    """The cloud's state to be changed; afterwards on file and in the kernel, or, after an
    error, neither."""
    with locked(site.files.cloud_lock):
        cloud = site.files.read_cloud().model_copy(deep=True)
        yield cloud
        if (NETNS / site.plan.router_netns).exists():
            _apply(site, cloud)
        write(site.files.cloud, cloud)


def _apply(site: Site, cloud: Cloud) -> None:
    router = site.plan.router_netns
    run(*in_netns(router, ("nft", "-f", "-")), stdin=ruleset(site.plan, cloud))
    wanted = {eip for eip, to in cloud.eips.items() if to == site.plan.gateway}
    present = _gateway_eips(site)
    for eip in wanted - present:
        run("ip", "-netns", router, "addr", "add", f"{eip}/32", "dev", "lo")
    for eip in present - wanted:
        run("ip", "-netns", router, "addr", "del", f"{eip}/32", "dev", "lo")


def _gateway_eips(site: Site) -> set[IPv4Address]:
    listed = json.loads(run("ip", "-netns", site.plan.router_netns, "-json", "addr", "show", "lo"))
    addresses = [entry["local"] for entry in listed[0]["addr_info"] if entry["family"] == "inet"]
    return {IPv4Address(a) for a in addresses if IPv4Address(a) in site.plan.eips}


def _assign(site: Site, kind: Kind, address: IPv4Address, machine: str) -> None:
    to = _target(site, kind, machine)
    _refuse_foreign_address(site, kind, address)
    with _changing(site) as cloud:
        assigned: dict[IPv4Address, IPv4Address] = getattr(cloud, kind)
        if assigned.get(address, to) != to:
            raise LabRefused(
                f"{address} belongs to machine {owners(site, kind)[address]}: release it first"
            )
        assigned[address] = to


def _release(site: Site, kind: Kind, address: IPv4Address) -> None:
    with _changing(site) as cloud:
        getattr(cloud, kind).pop(address, None)
    _end_connections(site, [address])


def _target(site: Site, kind: Kind, machine: str) -> IPv4Address:
    record = site.known(machine)
    allowed = ("lan", "gateway") if kind == "eips" else ("lan",)
    if record.spec.place not in allowed:
        raise LabRefused(
            f"machine {machine} stands at {record.spec.place}, but {kind} lead to machines at "
            f"{' or '.join(allowed)}"
        )
    return record.address


def _refuse_foreign_address(site: Site, kind: Kind, address: IPv4Address) -> None:
    network: IPv4Network = getattr(site.plan, kind)
    reserved = {network.network_address, network.broadcast_address, site.plan.endpoint_source}
    if address not in network or address in reserved:
        raise LabRefused(f"{address} must be a free address of the lab's {kind}, {network}")


def _heal(cloud: Cloud, addresses: set[IPv4Address]) -> None:
    cloud.cut -= addresses
    cloud.pairs = {(a, b) for a, b in cloud.pairs if not {a, b} & addresses}


def _end_connections(site: Site, addresses: list[IPv4Address]) -> None:
    if not (NETNS / site.plan.router_netns).exists():
        return
    for address in addresses:
        argv = ("conntrack", "-D", "--orig-dst", str(address))
        try:
            run(*in_netns(site.plan.router_netns, argv))
        except CommandFailed as failed:
            if "0 flow entries" not in str(failed):
                raise
