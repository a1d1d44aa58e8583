"""Brokers: started, and seen to be there."""

from __future__ import annotations

from collections.abc import Sequence

from flows.adapters.site import Play, Site
from flows.domain.gates import unknown_to_metadata, unregistered
from flows.domain.instance import Broker, Instance, Machine
from flows.steps.delivery import machines_of
from flows.steps.step import step
from flows.steps.waiting import Gate

REGISTERED_SECONDS = 180.0


@step("start brokers")
def start_brokers(site: Site, instance: Instance) -> None:
    """Kafka was started on every machine for the wished generation."""
    machines = machines_of(instance)
    site.ansible.play(
        Play(
            playbook="start_broker.yml",
            machines=machines,
            epoch=site.epoch,
            variables={machine.name: _generation(instance, machine) for machine in machines},
            secrets={},
        )
    )


@step("stop Kafka everywhere")
def stop_brokers(site: Site, instance: Instance, brokers: Sequence[Broker]) -> None:
    """Kafka has stopped on the machines of these brokers."""
    machines = tuple(broker.machine for broker in brokers if broker.machine)
    site.ansible.play(
        Play(
            playbook="stop_broker.yml",
            machines=machines,
            epoch=site.epoch,
            variables={machine.name: {} for machine in machines},
            secrets={},
        )
    )


def _generation(instance: Instance, machine: Machine) -> dict[str, int]:
    return {"host_start_generation": instance.wish.generation_of(machine.broker)}


def brokers_registered(instance: Instance) -> Gate:
    """Every broker has registered itself in ZooKeeper."""
    expected = [broker.id for broker in instance.brokers]
    return Gate(
        "every broker is registered",
        REGISTERED_SECONDS,
        lambda site: unregistered(expected, site.zookeeper.registrations(instance)),
    )


def metadata_complete(instance: Instance) -> Gate:
    """The metadata holds every broker and a controller."""
    expected = [broker.id for broker in instance.brokers]
    return Gate(
        "the metadata holds every broker",
        REGISTERED_SECONDS,
        lambda site: unknown_to_metadata(expected, site.kafka.cluster(instance)),
    )
