"""What is taken away with an instance, whether it is deleted or its creation failed."""

from __future__ import annotations

from flows.domain.instance import Instance
from flows.domain.translating import without_ways
from flows.steps.access import release_eips
from flows.steps.clean_hosts import clean_hosts
from flows.steps.dnat import ending
from flows.steps.groups import end_group
from flows.steps.machines import remove_machines
from flows.steps.observation import remembered_by_id
from flows.steps.secrets import forget_secrets
from flows.steps.site import Site


def remove_instance(site: Site) -> None:
    """Rules on gateways, EIPs, machines, their group, data and secrets of the instance are gone."""
    remove(site, remembered_by_id(site))


def remove(site: Site, instance: Instance) -> None:
    """The same for an instance that was looked at already."""
    ending(instance.wish)(site, without_ways(instance))
    release_eips(site, without_ways(instance))
    clean_hosts(site, instance)
    remove_machines(site, instance)
    end_group(site, instance)
    forget_secrets(site, instance)
