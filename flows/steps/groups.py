"""The instance's security group: its provider lets through what the hosts' firewalls let in.

A machine that an administrator put into a group of his own stays there: only what is in the group
in which machines are born is taken into the instance's.
"""

from __future__ import annotations

from collections.abc import Sequence

from flows.adapters.site import Site
from flows.domain.firewall import openings
from flows.domain.instance import Instance
from flows.domain.security_groups import GroupRule, group_rules, own_group
from flows.steps.delivery import machines_of
from flows.steps.step import step


def follow_group(site: Site, instance: Instance) -> None:
    """The group lets through what the wish opens, to every machine that nobody took out of it."""
    if not site.provider.has_groups:
        return
    group, rules = own_group(instance.id), group_rules(openings(instance))
    born_in = site.provider.defaults()["security_group"]
    names = [machine.name for machine in machines_of(instance)]
    outside = [name for name in names if site.provider.group_of(name) == born_in]
    if outside or site.provider.security_groups().get(group) != rules:
        _follow(site, group, rules, outside)


@step("let through in the security group what the firewalls let in")
def _follow(site: Site, group: str, rules: Sequence[GroupRule], outside: Sequence[str]) -> None:
    site.provider.set_security_group(group, rules)
    for name in outside:
        site.provider.put_in_group(name, group)


def end_group(site: Site, instance: Instance) -> None:
    """There is no group of the instance; its machines are gone."""
    group = own_group(instance.id)
    if group in site.provider.security_groups():
        _end_group(site, group)


@step("security group {group}: remove it")
def _end_group(site: Site, group: str) -> None:
    site.provider.remove_security_group(group)
