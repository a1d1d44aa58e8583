"""From all doors of a control plane to the doors of one instance."""

from __future__ import annotations

from flows.adapters.site import Doors, Site
from flows.adapters.stage import Stage
from flows.domain.operations import Caller


def open_site(doors: Doors, instance_id: str, epoch: int, caller: Caller, stage: Stage) -> Site:
    """The site of an instance; with epoch 0 it can only look."""
    return Site(
        instance_id=instance_id,
        epoch=epoch,
        caller=caller,
        stage=stage,
        clock=doors.clock,
        provider=doors.provider,
        records=doors.records,
        secrets=doors.secrets,
        distributions=doors.distributions,
        ansible=doors.ansible(instance_id, stage.say),
        hosts=doors.hosts(instance_id),
        zookeeper=doors.zookeeper,
        kafka=doors.kafka,
    )
