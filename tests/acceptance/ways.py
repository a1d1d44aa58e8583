"""By which addresses clients come: EIPs and endpoints of the lab, and names for them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from tests.acceptance.plane import Plane

Addresses = tuple[str, ...]


def lab_eips(plane: Plane, *numbers: int) -> Addresses:
    """EIPs of the lab by their place in its network."""
    return tuple(str(plane.lab.plan.eips[number]) for number in numbers)


@contextmanager
def endpoint_addresses(plane: Plane, name: str, numbers: Sequence[int]) -> Iterator[Addresses]:
    """Endpoint addresses that lead to an instance's machines meanwhile, in the brokers' order."""
    addresses = [plane.lab.plan.endpoints[number] for number in numbers]
    try:
        for address, machine in zip(addresses, plane.instance_machines(name), strict=True):
            plane.lab.assign_endpoint(address, machine.name)
        yield tuple(map(str, addresses))
    finally:
        for address in addresses:
            plane.lab.release_endpoint(address)


def at(addresses: Sequence[str], port: int) -> str:
    """The addresses as a client's bootstrap servers."""
    return ",".join(f"{address}:{port}" for address in addresses)


@contextmanager
def resolving(plane: Plane, names: Mapping[str, str]) -> Iterator[None]:
    """The vantage in the endpoints' network takes these names for these addresses meanwhile."""
    machines = plane.settings.lab_root / plane.settings.lab / "machines"
    hosts = machines / "vantage-endpoint" / "root" / "etc" / "hosts"
    before = hosts.read_text()
    hosts.write_text(before + hosts_lines(names))
    try:
        yield
    finally:
        hosts.write_text(before)


def hosts_lines(names: Mapping[str, str]) -> str:
    """Lines of /etc/hosts."""
    return "".join(f"{address} {name}\n" for name, address in names.items())
