"""Hosts that outlive an instance go back to the pool as they came."""

from __future__ import annotations

from flows.adapters.site import Play, Site
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance
from flows.steps.delivery import machines_of
from flows.steps.hosts import on_each
from flows.steps.step import step


@step("clean hosts")
def clean_hosts(site: Site, instance: Instance) -> None:
    """Hosts that stay are clean, seen by looking; machines that are removed need no cleaning."""
    if not site.provider.keeps_machines:
        return
    # A machine that was given back already, by a run that was interrupted, is not ours to touch.
    machines = tuple(
        machine for machine in machines_of(instance) if site.provider.exists(machine.name)
    )
    site.ansible.play(Play("clean_host.yml", machines, site.epoch, variables={}, secrets={}))
    states = on_each(site.hosts.observe, machines)
    dirty = [
        machine.name
        for machine, state in zip(machines, states, strict=True)
        if state is None or state.owner or state.digests or state.distributions
    ]
    if dirty:
        raise EffectFailed(f"clean_host.yml: something of ours is left on {', '.join(dirty)}")
