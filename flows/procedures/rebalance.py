"""Spreading partitions evenly over all brokers of an instance."""

from __future__ import annotations

from flows.domain.instance import Instance
from flows.domain.reassignment import Pace
from flows.domain.rebalancing import evened
from flows.procedures.reassign import reassign
from flows.steps.site import Site


def rebalance(site: Site, instance: Instance, pace: Pace) -> None:
    """Brokers carry and lead as many partitions each as racks allow, users' and Kafka's own."""
    zones = {broker.id: broker.zone for broker in instance.brokers}
    reassign(site, instance, lambda state: evened(state, zones), pace)
