"""Ways of clients compared with the wish; what is different is told when that changes."""

from __future__ import annotations

from flows.adapters.site import Doors, InstanceRow, Site
from flows.adapters.ways import eyes_at, eyes_of, with_ways
from flows.domain.drift import Drift, drift_of, wished_firewall
from flows.domain.errors import EffectFailed
from flows.domain.firewall import table_name
from flows.domain.instance import Instance
from flows.domain.operations import Door, Rating, Trace
from flows.steps.observation import remembered
from flows.steps.step import step

CHECKER = "check-access"
CHANGED = "accessDriftChanged"
NONE = "as wished"


def with_seen_ways(site: Site, instance: Instance) -> Instance:
    """The instance with what was seen of clients' ways."""
    return with_ways(eyes_at(site), instance)


def look_for_drift(doors: Doors, row: InstanceRow) -> tuple[Drift, ...]:
    """Every difference between wish and world, looked at now; nothing is changed."""
    return drift_of(with_ways(eyes_of(doors, row), remembered(doors, row)))


def tell_drift(doors: Doors, row: InstanceRow, found: tuple[Drift, ...]) -> None:
    """Other differences than the last time leave a trace."""
    told = [each.result for each in doors.records.traces(row.wish.name) if each.name == CHANGED]
    words = "; ".join(each.words for each in found) or NONE
    if words == (told[-1] if told else NONE):
        return
    rating = Rating.WARNING if found else Rating.NORMAL
    doors.records.trace(Trace(CHANGED, CHECKER, Door.SCHEDULE, row.wish.name, {}, words, rating))


@step("load the firewall where the kernel has another one")
def load_firewalls(site: Site, instance: Instance) -> None:
    """Every host filters as its file says, also where somebody changed the rules by hand."""
    wished, table = wished_firewall(instance), table_name(instance)
    for broker in instance.brokers:
        machine = broker.machine
        if machine is not None and site.hosts.ways(machine, table).firewall != wished:
            site.hosts.load_firewall(machine, site.epoch)


@step("look whether all is as wished")
def stand_as_wished(site: Site, instance: Instance) -> None:
    """Nothing that can be put right is left; EffectFailed names what is."""
    left = [each.words for each in drift_of(with_seen_ways(site, instance)) if each.mendable]
    if left:
        raise EffectFailed(f"still different: {'; '.join(left)}")
