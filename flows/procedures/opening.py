"""From all doors of a control plane to the doors of one instance."""

from __future__ import annotations

from flows.adapters.site import Doors, InstanceRow, Site
from flows.adapters.stage import Stage
from flows.domain.operations import Caller


def open_site(doors: Doors, row: InstanceRow, epoch: int, caller: Caller, stage: Stage) -> Site:
    """The site of an instance, with the provider of its machines; with epoch 0 it can only look."""
    return Site(
        instance_id=row.id,
        epoch=epoch,
        caller=caller,
        stage=stage,
        clock=doors.clock,
        provider=doors.provider(row.wish.provider),
        records=doors.records,
        secrets=doors.secrets,
        distributions=doors.distributions,
        ansible=doors.ansible(row.id, stage.say),
        hosts=doors.hosts(row.id),
        boots=doors.boots(row.id),
        zookeeper=doors.zookeeper,
        kafka=doors.kafka,
        probes=doors.probes,
        tls=doors.tls,
        vantages=doors.vantages(row.wish.provider),
        gateways=doors.gateways(row.wish.provider),
    )
