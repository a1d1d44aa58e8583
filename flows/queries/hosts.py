"""`fleet hosts`: the machines of one's own list, who has them, and whether they are fit."""

from __future__ import annotations

from typing import TypedDict

from flows.adapters.provider.hosts import HostsProvider
from flows.adapters.provider.reaching import each, unfitness
from flows.adapters.provider.taken import Taken
from flows.adapters.site import Records
from flows.domain.preflight import HostNeed
from inventories.hosts import Host


class HostLine(TypedDict):
    """One host; `reasons` say why it is not fit, empty when it is or was not looked at."""

    name: str
    address: str
    login: str
    zone: str
    vcpus: int
    memory_gb: int
    disk_gb: int
    state: str
    instance: str
    reasons: list[str]


def hosts(provider: HostsProvider, records: Records, *, check: bool) -> tuple[HostLine, ...]:
    """Every host in the order of its list; with `check` the free ones are looked at over SSH."""
    places = {place.address: place for place in provider.taken.all()}
    names = {row.id: row.wish.name for row in records.living()}

    def line(host: Host) -> HostLine:
        place = places.get(host.address)
        reasons = unfitness(host, _as_listed(host)) if check and place is None else ()
        return _line(host, place, names, reasons)

    return tuple(each(line, provider.listed.hosts))


def _as_listed(host: Host) -> HostNeed:
    """A host must at least be what its list says of it."""
    return HostNeed("", host.memory_gb * 1024, host.disk_gb, host.vcpus)


def _line(
    host: Host, place: Taken | None, names: dict[str, str], reasons: tuple[str, ...]
) -> HostLine:
    return HostLine(
        name=host.name,
        address=host.address,
        login=f"{host.user}:{host.port}",
        zone=host.zone,
        vcpus=host.vcpus,
        memory_gb=host.memory_gb,
        disk_gb=host.disk_gb,
        state=_state(place, reasons),
        instance=names.get(place.owner, "") if place else "",
        reasons=list(reasons),
    )


def _state(place: Taken | None, reasons: tuple[str, ...]) -> str:
    if place is None:
        return "not fit" if reasons else "free"
    return "to be cleaned" if place.to_be_cleaned else f"carries {place.machine}"
