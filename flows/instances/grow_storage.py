"""grow-storage: every broker gets a larger disk while it works."""

from __future__ import annotations

from flows.domain.storage import GrowStorage, StoragePlan, plan_storage
from flows.procedures.changing import AT_REST_OR_FAULTY, EXTENDED, change_life
from flows.procedures.operation import operation
from flows.steps.site import Site
from flows.steps.storage import grow_disk
from flows.steps.sweeping import look_again
from flows.steps.wishes import remember_wish

LIFE = change_life(EXTENDED, begins_in=AT_REST_OR_FAULTY)


@operation(GrowStorage, plan=plan_storage, run_name="grow storage of {instance}", life=LIFE)
def grow_storage(site: Site, plan: StoragePlan) -> None:
    """Give every broker a larger disk, live: no restart, no pause.

    Steps of 100 GB, at most 20 times in the life of an instance; storage never shrinks. Safe to
    run again: a disk that has its size already stays as it is.
    """
    remember_wish(site, plan.wish)
    for broker in plan.instance.brokers:
        grow_disk(site, broker, plan.wish.storage_per_broker)
    look_again(site, plan.instance)
