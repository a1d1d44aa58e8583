"""The preflight: what is asked of a host before anything is put on it."""

from __future__ import annotations

from flows.adapters.site import Site
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance, Machine
from flows.domain.preflight import HostNeed, shortcomings
from flows.steps.hosts import on_each
from flows.steps.observation import surroundings
from flows.steps.step import step


@step("preflight: SSH, clock, disk, memory, ports, names, Java")
def check_hosts(site: Site, instance: Instance) -> None:
    """Every host can carry its broker; otherwise EffectFailed names each host and why."""
    room = surroundings(site.provider, instance.wish).need_per_machine
    disk_gb = instance.wish.storage_per_broker
    need = HostNeed(instance.id, room.memory_mb, disk_gb, room.vcpus)

    def reasons(machine: Machine) -> list[str]:
        facts = site.hosts.facts(machine)
        return [f"{machine.name}: {reason}" for reason in shortcomings(facts, need)]

    machines = [broker.machine for broker in instance.brokers if broker.machine]
    found = [reason for reasons_ in on_each(reasons, machines) for reason in reasons_]
    if found:
        raise EffectFailed("preflight: " + "; ".join(found))
