"""Hosts that outlive an instance go back to the pool as they came."""

from __future__ import annotations

from collections.abc import Sequence

from flows.adapters.site import Doors, Play, Site
from flows.domain.errors import EffectFailed, ServiceError
from flows.domain.instance import Instance, Machine
from flows.steps.delivery import machines_of
from flows.steps.hosts import on_each
from flows.steps.step import step


@step("clean hosts")
def clean_hosts(site: Site, instance: Instance) -> None:
    """Hosts that stay are clean, seen by looking; machines that are removed need no cleaning.

    One that does not answer is skipped: it may have died for good. Its provider remembers it.
    """
    if not site.provider.keeps_machines:
        return
    # A machine that was given back already, by a run that was interrupted, is not ours to touch.
    present = [each for each in machines_of(instance) if site.provider.exists(each.name)]
    machines = tuple(_answering(site, present))
    site.ansible.play(Play("clean_host.yml", machines, site.epoch, variables={}, secrets={}))
    states = on_each(site.hosts.observe, machines)
    dirty = [
        machine.name
        for machine, state in zip(machines, states, strict=True)
        if state is None or state.owner or state.digests or state.distributions
    ]
    if dirty:
        raise EffectFailed(f"clean_host.yml: something of ours is left on {', '.join(dirty)}")


def clean_left(doors: Doors) -> list[str]:
    """Hosts that could not be given back clean, and answer again, are; a line for each."""
    lines: list[str] = []
    for name in doors.providers:
        try:
            lines.extend(doors.provider(name).clean_left())
        except ServiceError as failure:
            lines.append(f"{name}: {failure}")
    return lines


def _answering(site: Site, machines: Sequence[Machine]) -> list[Machine]:
    silences = on_each(lambda machine: _silence(site, machine), machines)
    skipped = [
        f"{machine.name} ({machine.address}): {silence}; it is left as it is, and is not taken "
        "again before it has been cleaned"
        for machine, silence in zip(machines, silences, strict=True)
        if silence
    ]
    for line in skipped:
        site.stage.say(line)
    if skipped:
        page = "\n".join(["# Hosts to be cleaned", "", *(f"- {line}" for line in skipped), ""])
        site.stage.publish("hosts-to-be-cleaned", page)
    return [machine for machine, why in zip(machines, silences, strict=True) if not why]


def _silence(site: Site, machine: Machine) -> str:
    """Why the host is not talked to; empty when it answers."""
    try:
        return "" if site.hosts.reachable(machine) else "it does not answer"
    except EffectFailed as failure:
        return str(failure)
