"""Machines: made, remembered, removed."""

from __future__ import annotations

from dataclasses import replace

from flows.adapters.site import Site
from flows.domain.instance import Broker, Instance, Machine, machine_name
from flows.steps.observation import machine_order
from flows.steps.ssh_key import authorized_key
from flows.steps.step import step
from flows.steps.waiting import Gate

REACHABLE_SECONDS = 90.0


@step("make machines")
def make_machines(site: Site, instance: Instance) -> Instance:
    """Every broker has a machine that runs; the instance carries their addresses."""
    key = authorized_key(site)
    orders = [machine_order(instance, broker, key, site.epoch) for broker in instance.brokers]
    for machine in site.provider.make(orders):
        site.records.keep_machine(instance.id, machine)
    return with_machines(instance, site.records.machines(instance.id))


@step("broker {broker.id}: make a new machine in the place of the old one")
def replace_machine(site: Site, instance: Instance, broker: Broker) -> Instance:
    """The broker has the machine that is wished, at the old address; the old machine is gone."""
    order = machine_order(instance, broker, authorized_key(site), site.epoch)
    recorded = site.records.machines(instance.id)
    old = [each.name for each in recorded if each.broker == broker.id and each.name != order.name]
    site.provider.remove(old)
    (made,) = site.provider.make([order])
    # The old record goes last: until then it tells the address.
    site.records.keep_machine(instance.id, made)
    for name in old:
        site.records.forget_machine(instance.id, name)
    return with_machines(instance, site.records.machines(instance.id))


def with_machines(instance: Instance, machines: tuple[Machine, ...]) -> Instance:
    """The instance with its brokers on these machines."""
    places = {machine.broker: machine for machine in machines}
    brokers = tuple(
        replace(
            broker,
            machine=places[broker.id],
            address=places[broker.id].address,
            zone=places[broker.id].zone,
        )
        for broker in instance.brokers
    )
    return replace(instance, brokers=brokers)


def machines_reachable(instance: Instance) -> Gate:
    """Every machine answers over SSH with its pinned host key."""

    def reason(site: Site) -> str | None:
        silent = [
            broker.machine.name
            for broker in instance.brokers
            if broker.machine and not site.hosts.reachable(broker.machine)
        ]
        return f"no SSH answer from {', '.join(silent)}" if silent else None

    return Gate("every machine answers over SSH", REACHABLE_SECONDS, reason)


@step("remove machines")
def remove_machines(site: Site, instance: Instance) -> None:
    """No machine of the instance exists any more, recorded or not."""
    names = machine_names(site, instance)
    site.provider.remove(names)
    site.records.forget_machines(instance.id)


def machine_names(site: Site, instance: Instance) -> list[str]:
    """Names of all machines an instance may have: the recorded ones and those that are wished.

    A process that was killed between making a machine and noting it leaves one that no record
    knows; its name can be told from the instance.
    """
    recorded = [machine.name for machine in site.records.machines(instance.id)]
    wished = [
        machine_name(instance.id, broker.id, instance.wish.machine_of(broker.id))
        for broker in instance.brokers
    ]
    return list(dict.fromkeys([*recorded, *wished]))
