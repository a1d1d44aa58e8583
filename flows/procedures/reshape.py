"""What is done to a broker while it is stopped, so that it starts as it is wished."""

from __future__ import annotations

from flows.domain.instance import Broker, Instance
from flows.domain.kept_names import drops_names
from flows.domain.rolling import restarts_machine
from flows.steps.delivery import configure_broker
from flows.steps.one_broker import leave, stop_broker
from flows.steps.resizing import machine_back, resize_machine
from flows.steps.serving import give_stores, name_stores
from flows.steps.site import Site
from flows.steps.waiting import wait_for


def with_its_names(site: Site, instance: Instance, broker: Broker) -> None:
    """A broker that is down starts with certificates for the names that it has to have by now."""
    if drops_names(instance, broker):
        give_stores(site, instance, broker)
        name_stores(site, instance, broker)


def as_wished(site: Site, instance: Instance, broker: Broker) -> None:
    """Machine, files and units of the broker are those of the wish; safe to be done again.

    It starts with the stores of the wish too, whatever it was told before.
    """
    resize_machine(site, broker, instance.wish.flavor_row)
    if restarts_machine(instance, broker):
        wait_for(site, machine_back(instance, broker))
        # Kafka came up with its machine, as it does after every boot, with the files that it had.
        leave(site, instance, broker)
        stop_broker(site, instance, broker)
    configure_broker(site, instance, broker)
    name_stores(site, instance, broker)
