"""The cloud's table as text."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

from inventories.lab import Rule
from inventories.lab.addresses import DEFAULT_NETWORK, address_plan
from inventories.lab.ruleset import Cloud, ruleset

PLAN = address_plan(DEFAULT_NETWORK, 0)
A, B, EIP = PLAN.machines[0], PLAN.machines[1], PLAN.eips[7]


def test_an_empty_cloud_has_no_empty_element_lists() -> None:
    """nft refuses `elements = { }`."""
    text = ruleset(PLAN, Cloud())
    assert "elements" not in text
    assert "type filter hook forward priority filter; policy drop;" in text


def test_loading_replaces_the_table_in_one_transaction() -> None:
    lines = ruleset(PLAN, Cloud()).splitlines()
    assert lines[:3] == [
        "table inet lab_cloud",
        "delete table inet lab_cloud",
        "table inet lab_cloud {",
    ]


def test_the_default_group_opens_kafka_and_zookeeper_but_not_ssh() -> None:
    text = ruleset(PLAN, Cloud())
    for source in (PLAN.lan, PLAN.outside, PLAN.vpc, PLAN.endpoints):
        assert f"ip saddr {source} tcp dport {{ 2181, 2888, 3888, 9000-9999 }} accept" in text
    assert "tcp dport 22 drop" in text
    assert "22 }" not in text


def test_a_machine_leaves_by_the_lowest_of_its_eips() -> None:
    text = ruleset(PLAN, Cloud(eips={PLAN.eips[9]: A, EIP: A}))
    assert f"map eip_in {{ type ipv4_addr : ipv4_addr; elements = {{ {EIP} : {A}, " in text
    assert f"map eip_out {{ type ipv4_addr : ipv4_addr; elements = {{ {A} : {EIP} }}; }}" in text


def test_an_eip_of_the_gateway_is_left_to_the_gateway() -> None:
    assert str(EIP) not in ruleset(PLAN, Cloud(eips={EIP: PLAN.gateway}))


def test_a_member_of_a_group_never_falls_back_to_the_default_group() -> None:
    rule = Rule(source=IPv4Network("198.18.2.10/32"), ports=((9094, 9094),))
    text = ruleset(PLAN, Cloud(groups={"only-one": (rule,)}, members={A: "only-one"}))
    assert f"{A} : goto group_only_one" in text
    assert "ip saddr 198.18.2.10/32 tcp dport { 9094 } accept" in text


def test_a_group_sees_clients_of_an_endpoint_by_the_endpoints_address() -> None:
    rule = Rule(source=IPv4Network("198.19.128.0/17"), ports=((9011, 9011),))
    text = ruleset(PLAN, Cloud(groups={"far": (rule,)}))
    asked = f'iifname "vpc0" ct original ip daddr {PLAN.endpoints}'
    assert f"{asked} tcp dport {{ 9011 }} accept" in text


def test_cut_links_are_dropped_before_established_connections_pass() -> None:
    text = ruleset(PLAN, Cloud(cut={A}, pairs={(A, B), (B, A)}))
    forward = text[text.index("chain forward") :]
    assert forward.index("@cut drop") < forward.index("ct state established")
    assert f"{A} . {B}, {B} . {A}" in text


def test_the_clouds_state_survives_its_file() -> None:
    cloud = Cloud(
        eips={EIP: A},
        endpoints={PLAN.endpoints[5]: B},
        groups={"g": (Rule(source=IPv4Network("10.0.0.0/8"), ports=((1, 2),)),)},
        members={A: "g"},
        cut={IPv4Address(A)},
        pairs={(A, B)},
    )
    assert Cloud.model_validate_json(cloud.model_dump_json()) == cloud
