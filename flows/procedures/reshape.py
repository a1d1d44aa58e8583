"""What is done to a broker while it is stopped, so that it starts as it is wished."""

from __future__ import annotations

from flows.domain.instance import Broker, Instance
from flows.steps.delivery import configure_broker
from flows.steps.resizing import resize_machine
from flows.steps.site import Site


def as_wished(site: Site, instance: Instance, broker: Broker) -> None:
    """Machine, files and units of the broker are those of the wish; safe to be done again."""
    resize_machine(site, broker, instance.wish.flavor_row)
    configure_broker(site, instance, broker)
