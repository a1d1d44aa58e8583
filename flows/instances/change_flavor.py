"""change-flavor: every broker gets a larger or smaller machine, one after the other."""

from __future__ import annotations

from flows.domain.resize import ChangeFlavor, ResizePlan, plan_resize
from flows.procedures.changing import AT_REST, EXTENDED, change_life
from flows.procedures.operation import operation
from flows.procedures.reshape import as_wished
from flows.procedures.roll import roll
from flows.steps.site import Site
from flows.steps.wishes import remember_wish

LIFE = change_life(EXTENDED, begins_in=AT_REST)


@operation(
    ChangeFlavor, plan=plan_resize, run_name="change flavor of {instance} to {flavor}", life=LIFE
)
def change_flavor(site: Site, plan: ResizePlan) -> None:
    """Give every broker's machine the flavor, up or down, one broker after the other.

    Kafka of one broker is stopped, its machine gets the size, Kafka starts with the heap that
    belongs to it and is waited for. Safe to run again: a broker that has the flavor and was
    started with it is left alone.
    """
    remember_wish(site, plan.wish)
    roll(site, plan, as_wished)
