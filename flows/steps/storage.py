"""Disks of brokers: made larger by the provider, then filled by their file systems."""

from __future__ import annotations

from flows.adapters.site import Play, Site
from flows.domain.instance import Broker
from flows.steps.step import step


@step("broker {broker.id}: grow the disk to {gb} GB")
def grow_disk(site: Site, broker: Broker, gb: int) -> None:
    """The broker's disk and its file system have this size; the broker went on meanwhile."""
    if broker.machine is None:
        return
    site.provider.grow_disk(broker.machine.name, gb)
    site.ansible.play(
        Play(
            playbook="grow_disk.yml",
            machines=(broker.machine,),
            epoch=site.epoch,
            variables={broker.machine.name: {}},
            secrets={},
        )
    )
