"""One broker: stopped and started again, as kindly to its clients as that can be done."""

from __future__ import annotations

from flows.adapters.site import Play, Site
from flows.domain.gates import preferred_of
from flows.domain.instance import Broker, Instance
from flows.steps.step import step


@step("broker {broker.id}: stop Kafka")
def stop_broker(site: Site, instance: Instance, broker: Broker) -> None:
    """Kafka has stopped by itself; EffectFailed when it did not in time, it is never killed."""
    _play(site, "stop_broker.yml", instance, broker)


@step("broker {broker.id}: start Kafka")
def start_broker(site: Site, instance: Instance, broker: Broker) -> None:
    """Kafka was started for the wished generation."""
    _play(site, "start_broker.yml", instance, broker)


@step("broker {broker.id}: take its leaders back")
def take_leaders_back(site: Site, instance: Instance, broker: Broker) -> None:
    """The broker leads every partition whose first replica it has."""
    due = preferred_of(broker.id, site.zookeeper.state(instance))
    site.kafka.elect_preferred(instance, [(part.topic, part.number) for part in due])


@step("take all leaders back")
def take_all_leaders_back(site: Site, instance: Instance) -> None:
    """Every partition is led by its first replica."""
    state = site.zookeeper.state(instance)
    due = [part for broker in instance.brokers for part in preferred_of(broker.id, state)]
    site.kafka.elect_preferred(instance, [(part.topic, part.number) for part in due])


def _play(site: Site, playbook: str, instance: Instance, broker: Broker) -> None:
    assert broker.machine is not None
    generation = {"host_start_generation": instance.wish.generation_of(broker.id)}
    site.ansible.play(
        Play(
            playbook=playbook,
            machines=(broker.machine,),
            epoch=site.epoch,
            variables={broker.machine.name: generation},
            secrets={},
        )
    )
