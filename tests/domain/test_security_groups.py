"""Security groups as values: made of the openings of host firewalls, and nothing beside them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.domain.loaded_firewall import networks
from flows.domain.opening import Opening
from flows.domain.security_groups import (
    GroupRule,
    group_rules,
    keeps_closed,
    lets_through,
    open_at,
    open_ports,
    own_group,
)

PORTS = (2181, 9011, 9090, 9093, 9095)
SOURCES = ("0.0.0.0/0", "198.18.0.0/24", "198.18.0.11", "198.18.0.12", "198.19.128.0/17")
OPENINGS = st.builds(
    lambda given: [Opening(port, tuple(each), "") for port, each in given.items()],
    st.dictionaries(st.sampled_from(PORTS), st.lists(st.sampled_from(SOURCES))),
)


@given(OPENINGS)
def test_a_group_lets_through_exactly_what_is_opened(openings: list[Opening]) -> None:
    rules = group_rules(openings)
    opened = {each.port: networks(each.sources) for each in openings}
    for port in PORTS:
        assert open_at(rules, port) == opened.get(port, ())
    assert {first for first, _ in open_ports(rules)} == {port for port in opened if opened[port]}


@given(OPENINGS)
def test_the_same_openings_make_the_same_rules_in_any_order(openings: list[Opening]) -> None:
    assert group_rules(openings) == group_rules(reversed(openings))
    assert len({rule.source for rule in group_rules(openings)}) == len(group_rules(openings))


def test_a_way_is_kept_closed_when_nobody_of_its_sources_gets_through() -> None:
    rules = [GroupRule("198.18.0.0/24", ((9000, 9094),))]
    assert keeps_closed(rules, ["0.0.0.0/0"], 9095)
    assert not keeps_closed(rules, ["0.0.0.0/0"], 9093)
    assert keeps_closed(rules, ["192.0.2.0/24"], 9093)
    assert not keeps_closed(rules, ["192.0.2.0/24", "198.18.0.7"], 9093)
    assert not lets_through(rules, "0.0.0.0/0", 9093)


def test_the_group_is_named_after_the_instance() -> None:
    assert own_group("t0000001") == "fleet-t0000001"
