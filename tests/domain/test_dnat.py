"""Rules of DNAT: text and back, never two brokers with one EIP, what a kernel says of them."""

from __future__ import annotations

import json
import subprocess
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.dnat import (
    GatewayState,
    LiveRule,
    Rule,
    Translation,
    live_rules,
    masquerades,
    read_ruleset,
    ruleset,
    table_name,
    unit_text,
)

addresses = st.integers(min_value=0x0100_0000, max_value=0xDFFF_FFFF).map(
    lambda number: str(IPv4Address(number))
)


@st.composite
def translations(draw: st.DrawFn) -> Translation:
    """Some brokers of an instance, each with an EIP and a private address of its own."""
    brokers = draw(st.lists(st.integers(1, 50), unique=True, max_size=6))
    count = len(brokers)
    eips = draw(st.lists(addresses, unique=True, min_size=count, max_size=count))
    privates = draw(st.lists(addresses, unique=True, min_size=count, max_size=count))
    rules = map(Rule, brokers, eips, privates)
    return Translation("ab12cd34", tuple(rules), masquerade=draw(st.booleans()))


@given(translations())
def test_rules_are_read_as_they_were_written(wished: Translation) -> None:
    rules, hidden = read_ruleset(ruleset(wished))
    assert rules == tuple(sorted(wished.rules))
    assert hidden == (wished.masquerade and bool(wished.rules))


@given(translations())
def test_what_a_gateway_was_given_it_holds(wished: Translation) -> None:
    state = GatewayState(
        "edge",
        filed=wished.rules,
        live=tuple(LiveRule(rule, 0, 0) for rule in sorted(wished.rules)),
        masquerades=wished.masquerade,
        loads_at_boot=bool(wished.rules),
    )
    assert state.holds(wished)
    if wished.rules:
        fewer = Translation(wished.instance_id, wished.rules[1:], wished.masquerade)
        assert not state.holds(fewer)
        assert not GatewayState("edge", filed=wished.rules).holds(wished)


@given(translations(), translations())
def test_rules_beside_others_lead_no_eip_to_two_brokers(
    wished: Translation, present: Translation
) -> None:
    together = wished.beside(present.rules)
    assert set(wished.rules) <= set(together.rules)
    eips = [rule.eip for rule in together.rules]
    assert len(set(eips)) == len(eips)


@pytest.mark.parametrize(
    ("rules", "sentence"),
    [
        (
            (Rule(1, "192.0.2.1", "10.0.0.1"), Rule(2, "192.0.2.1", "10.0.0.2")),
            "eip 192.0.2.1 of brokers 1 and 2: one each, please",
        ),
        (
            (Rule(1, "192.0.2.1", "10.0.0.1"), Rule(2, "192.0.2.2", "10.0.0.1")),
            "private 10.0.0.1 of brokers 1 and 2: one each, please",
        ),
    ],
)
def test_two_brokers_never_share_an_address(rules: tuple[Rule, ...], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Translation("ab12cd34", rules)


def test_a_broker_may_have_two_eips() -> None:
    """The one that clients are told, and the one from before."""
    rules = (Rule(1, "192.0.2.1", "10.0.0.1"), Rule(1, "192.0.2.2", "10.0.0.1"))
    assert read_ruleset(ruleset(Translation("ab12cd34", rules)))[0] == rules


def test_the_table_is_our_own_and_replaced_in_one_transaction() -> None:
    text = ruleset(Translation("ab12cd34", (Rule(1, "192.0.2.1", "10.0.0.1"),), True))
    assert text == (
        "table ip kafka_fleet_dnat_ab12cd34 {}\n"
        "delete table ip kafka_fleet_dnat_ab12cd34\n"
        "table ip kafka_fleet_dnat_ab12cd34 {\n"
        "  chain prerouting {\n"
        "    type nat hook prerouting priority dstnat; policy accept;\n"
        "    ip daddr 192.0.2.1 tcp dport 9011 counter dnat to 10.0.0.1:9011 "
        'comment "broker 1"\n'
        "  }\n"
        "  chain postrouting {\n"
        "    type nat hook postrouting priority srcnat; policy accept;\n"
        "    ct original ip daddr 192.0.2.1 ip daddr 10.0.0.1 tcp dport 9011 masquerade\n"
        "  }\n"
        "}\n"
    )
    assert "nft delete table ip kafka_fleet_dnat_ab12cd34\n" in unit_text("ab12cd34")


@pytest.mark.lab
@pytest.mark.parametrize("masquerade", [False, True])
def test_a_kernel_says_the_rules_that_it_was_given(masquerade: bool) -> None:
    rules = (Rule(1, "192.0.2.1", "10.0.0.1"), Rule(2, "192.0.2.2", "10.0.0.2"))
    wished = Translation("ab12cd34", rules, masquerade)
    listing = _in_a_kernel(ruleset(wished) * 2, table_name("ab12cd34"))
    assert live_rules(listing) == tuple(LiveRule(rule, 0, 0) for rule in rules)
    assert masquerades(listing) == masquerade


def test_a_table_that_is_not_there_has_no_rules() -> None:
    assert live_rules({}) == ()
    assert not masquerades({})


def test_rules_of_others_in_a_listing_are_no_rules_of_ours() -> None:
    drop: dict[str, Any] = {"rule": {"comment": "theirs", "expr": [{"drop": None}]}}
    assert live_rules({"nftables": [{"metainfo": {}}, drop]}) == ()


def _in_a_kernel(text: str, table: str) -> Any:
    """What `nft -j` lists after the text was loaded, in a network namespace of its own."""
    script = f"nft -f - && nft -j list table ip {table}"
    done = subprocess.run(
        ["unshare", "--net", "sh", "-c", script],
        input=text,
        capture_output=True,
        text=True,
        timeout=20,
        check=True,
    )
    return json.loads(done.stdout)
