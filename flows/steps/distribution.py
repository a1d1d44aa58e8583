"""Distributions: Kafka on every machine, ZooKeeper on those of the ensemble."""

from __future__ import annotations

from flows.adapters.site import Site
from flows.domain.instance import Broker, Instance
from flows.domain.versions import ZOOKEEPER_DISTRIBUTION
from flows.steps.hosts import on_each
from flows.steps.step import step


@step("unpack distributions")
def unpack_distributions(site: Site, instance: Instance) -> None:
    """Every host has the jars of its release; a host that has them is sent nothing."""
    kafka = instance.wish.release.distribution
    tarballs = {name: site.distributions.tarball(name) for name in (kafka, ZOOKEEPER_DISTRIBUTION)}

    def unpack(broker: Broker) -> None:
        assert broker.machine is not None
        for name in (ZOOKEEPER_DISTRIBUTION, kafka) if broker.has_zookeeper else (kafka,):
            site.hosts.unpack(broker.machine, name, tarballs[name], site.epoch)

    on_each(unpack, instance.brokers)
