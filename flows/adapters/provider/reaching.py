"""Hosts of a list as their owner reaches them: by the key that the list names."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from flows.adapters.hosts import taking
from flows.domain.errors import EffectFailed
from flows.domain.instance import Machine
from flows.domain.preflight import HostNeed, shortcomings
from inventories.hosts import Host

S = TypeVar("S")
T = TypeVar("T")
_AT_ONCE = 8


def unfitness(host: Host, need: HostNeed) -> tuple[str, ...]:
    """Why the host, looked at now, cannot carry a broker; empty when it can."""
    try:
        facts = taking.look(by_owner(host), key_of(host))
    except EffectFailed as failure:
        return (str(failure),)
    return tuple(f"{host.words}: {reason}" for reason in shortcomings(facts, need))


def by_owner(host: Host) -> Machine:
    """The host under its own name."""
    return machine_of(host, host.name, 0, 0)


def machine_of(host: Host, name: str, broker: int, generation: int) -> Machine:
    """The host as a machine of an instance."""
    return Machine(
        name=name,
        broker=broker,
        generation=generation,
        address=host.address,
        zone=host.zone,
        host_key=host.host_key,
        data_device=host.data_device,
        user=host.user,
        port=host.port,
    )


def key_of(host: Host) -> str:
    """The text of the owner's private key."""
    try:
        return host.key_file.read_text(encoding="ascii")
    except OSError as error:
        raise EffectFailed(f"{host.words}: key_file {host.key_file}: {error.strerror}") from None


def each(work: Callable[[S], T], subjects: Iterable[S]) -> list[T]:
    """Several hosts at once; the first failure is raised after all have ended."""
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        return [future.result() for future in [pool.submit(work, each) for each in subjects]]
