"""The address plan of a lab: pure arithmetic on one network that several labs share.

A lab takes a *slot* n. With the default 198.18.0.0/15 it then owns 198.18.(4n).0/24 as LAN and
the three after it for EIPs, outside clients and VPC clients, and 198.19.(128+4n).0/24 for
endpoints. The kernel's objects of the lab carry the slot in their names (`kf3-...`), since
interface names hold 15 characters only.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from pydantic import BaseModel, ConfigDict

from inventories.lab.errors import LabRefused

DEFAULT_NETWORK = "198.18.0.0/15"
FIRST_MACHINE, LAST_MACHINE = 11, 240


class AddressPlan(BaseModel):
    """Every address and name that follows from a lab's network and slot."""

    model_config = ConfigDict(frozen=True)

    slot: int
    lan: IPv4Network
    eips: IPv4Network
    outside: IPv4Network
    vpc: IPv4Network
    endpoints: IPv4Network

    @property
    def networks(self) -> tuple[IPv4Network, ...]:
        return (self.lan, self.eips, self.outside, self.vpc, self.endpoints)

    @property
    def gateway(self) -> IPv4Address:
        """The router of the LAN, which is also the gateway machine's address."""
        return self.lan[1]

    @property
    def host(self) -> IPv4Address:
        """The control plane as the machines see it."""
        return self.lan[2]

    @property
    def lan_client(self) -> IPv4Address:
        """A client within the LAN that is no machine."""
        return self.lan[3]

    @property
    def endpoint_source(self) -> IPv4Address:
        """What a machine sees as the client's address when reached through an endpoint."""
        return self.endpoints[250]

    @property
    def machines(self) -> tuple[IPv4Address, ...]:
        """The LAN addresses that machines may have."""
        return tuple(self.lan[n] for n in range(FIRST_MACHINE, LAST_MACHINE + 1))

    @property
    def prefix(self) -> str:
        """What the name of every netns, cgroup and nspawn machine of this lab begins with."""
        return f"kf{self.slot}"

    @property
    def router_netns(self) -> str:
        return f"{self.prefix}-gw"

    def machine_netns(self, name: str) -> str:
        return f"{self.prefix}-m-{name}"

    def client_netns(self, network: str) -> str:
        return f"{self.prefix}-c-{network}"


def slots(network: IPv4Network) -> int:
    """How many labs fit into the network."""
    blocks = 1 << (24 - network.prefixlen) if network.prefixlen <= 24 else 0
    return blocks // 16


def address_plan(network: str, slot: int) -> AddressPlan:
    """The plan of one slot; `LabRefused` when the network is too small for it."""
    whole = IPv4Network(network)
    if not 0 <= slot < slots(whole):
        raise LabRefused(
            f"network {network} holds {slots(whole)} labs, so slot {slot} does not exist: "
            "give a network of /20 or larger, or remove a lab"
        )
    blocks = 1 << (24 - whole.prefixlen)
    endpoints = blocks * 3 // 4
    lan, eips, outside, vpc = (_block(whole, 4 * slot + n) for n in range(4))
    return AddressPlan(
        slot=slot,
        lan=lan,
        eips=eips,
        outside=outside,
        vpc=vpc,
        endpoints=_block(whole, endpoints + 4 * slot),
    )


def _block(network: IPv4Network, index: int) -> IPv4Network:
    return IPv4Network((int(network.network_address) + 256 * index, 24))


def collision(
    plan: AddressPlan, routes: Iterable[IPv4Network], resolvers: Iterable[IPv4Address]
) -> str | None:
    """Why the plan would break the host's own network, or None. A default route is no reason."""
    for own in plan.networks:
        for route in routes:
            if route.prefixlen and own.overlaps(route):
                return f"{own} overlaps the host's route to {route}"
        for resolver in resolvers:
            if resolver in own:
                return f"{own} contains the host's name server {resolver}"
    return None


def mac_of(address: IPv4Address) -> str:
    """A hardware address that follows from the address.

    A machine made anew then has the old one's, and no neighbour keeps a stale entry for 35 s.
    """
    return "02:4c:" + ":".join(f"{byte:02x}" for byte in address.packed)


def link_of(address: IPv4Address) -> str:
    """The router's interface towards the LAN address; unique within the lab's router."""
    return f"m{address.packed[3]}"
