"""Machines of brokers that change their size."""

from __future__ import annotations

from flows.adapters.site import Site
from flows.domain.flavors import Flavor
from flows.domain.instance import Broker, Instance
from flows.steps.step import step
from flows.steps.waiting import Gate

BOOT_SECONDS = 300.0


@step("broker {broker.id}: give its machine {flavor.vcpus} vCPUs and {flavor.memory_gb} GB")
def resize_machine(site: Site, broker: Broker, flavor: Flavor) -> None:
    """The machine has the size of the flavor; it went on running, or was started anew for it."""
    if broker.machine is not None:
        site.provider.resize(broker.machine.name, flavor.vcpus, flavor.memory_gb)


def machine_back(instance: Instance, broker: Broker) -> Gate:
    """The machine answers again, and its node of ZooKeeper serves, if it has one."""

    def reason(site: Site) -> str | None:
        if broker.machine is None or not site.hosts.reachable(broker.machine):
            return f"the machine of broker {broker.id} does not answer"
        if broker.has_zookeeper and broker.id not in site.zookeeper.serving(instance):
            return f"ZooKeeper on the machine of broker {broker.id} does not serve"
        return None

    return Gate(f"the machine of broker {broker.id} is back", BOOT_SECONDS, reason)
