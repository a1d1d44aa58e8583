"""The internal authority is succeeded: brokers and the product never lock each other out."""

from __future__ import annotations

from dataclasses import replace

from flows.domain.certificates import Certificates
from flows.domain.instance import Instance
from flows.domain.internal_rotation import RotationPlan, phase_wish, roll_of
from flows.procedures.reshape import as_wished
from flows.procedures.roll import roll
from flows.steps.certificates import forget_superseded, issue_certificates
from flows.steps.observation import observe_by_id
from flows.steps.rotating import Witnesses, shows_and_trusts, tell_internal, witnesses
from flows.steps.serving import deliver_stores, write_stores
from flows.steps.site import Site
from flows.steps.waiting import wait_for
from flows.steps.wishes import remember_wish


def rotate(site: Site, plan: RotationPlan) -> None:
    """Brokers and the product show certificates of the new authority, and trust no other."""
    ends = replace(plan.instance, wish=plan.wish)
    if plan.phases[0].overlaps:
        # The product's next certificate shows who is trusted, before anybody relies on it.
        issue_certificates(site, ends)
    known = witnesses(site, plan.as_settled, ends)
    for phase in plan.phases:
        _carry_out(site, plan, phase, known)
    forget_superseded(site, plan.as_settled, ends)


def _carry_out(site: Site, plan: RotationPlan, phase: Certificates, known: Witnesses) -> None:
    """Nothing of the next phase begins before every broker was seen to have reached this one."""
    seen = observe_by_id(site)
    instance = replace(seen, wish=phase_wish(seen, phase, rolling=plan.rolling))
    # First: the product looks for what the wish names as soon as it is remembered.
    issue_certificates(site, instance)
    remember_wish(site, instance.wish)
    if plan.rolling:
        roll(site, roll_of(plan, instance), as_wished)
    else:
        _alter(site, instance, known)
    for broker in instance.brokers:
        wait_for(site, shows_and_trusts(instance, broker, known))


def _alter(site: Site, instance: Instance, known: Witnesses) -> None:
    deliver_stores(site, instance)
    for broker in instance.brokers:
        tell_internal(site, instance, broker)
        wait_for(site, shows_and_trusts(instance, broker, known))
    write_stores(site, instance)
