"""Machines of brokers that change their size."""

from __future__ import annotations

from flows.adapters.site import Site
from flows.domain.flavors import Flavor
from flows.domain.instance import Broker
from flows.steps.step import step


@step("broker {broker.id}: give its machine {flavor.vcpus} vCPUs and {flavor.memory_gb} GB")
def resize_machine(site: Site, broker: Broker, flavor: Flavor) -> None:
    """The machine has the size of the flavor; it went on running."""
    if broker.machine is not None:
        site.provider.resize(broker.machine.name, flavor.vcpus, flavor.memory_gb)
