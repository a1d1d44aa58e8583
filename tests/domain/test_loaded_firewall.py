"""What nftables tells of a table is read as what was wished when it was loaded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess

import pytest
from hypothesis import given, settings

from flows.domain.access import ANYONE, Access
from flows.domain.drift import wished_firewall
from flows.domain.firewall import ruleset, table_name
from flows.domain.instance import Instance
from flows.domain.loaded_firewall import LoadedFirewall, loaded_firewall, networks
from tests.domain.samples import SELDOM, instance, instances, wish
from tests.world.firewalls import filtered

needs_nft = pytest.mark.skipif(
    shutil.which("nft") is None or os.geteuid() != 0,
    reason="nft and root are needed to ask nftables itself",
)


def loaded(text: str, table: str, more: str = "") -> LoadedFirewall | None:
    """What a kernel holds, in a network namespace that ends with the process."""
    script = 'echo "$0" | nft -f - && echo "$1" | nft -f - && nft --json list table inet "$2"'
    argv = ["unshare", "--net", "sh", "-c", script, text, more, table]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True)
    return loaded_firewall(json.loads(ran.stdout))


@needs_nft
@settings(SELDOM, max_examples=8)
@given(instances())
def test_what_is_loaded_is_read_as_it_is_wished(whole: Instance) -> None:
    assert loaded(ruleset(whole), table_name(whole)) == wished_firewall(whole)


@SELDOM
@given(instances())
def test_the_fake_kernel_reads_the_text_as_the_real_one(whole: Instance) -> None:
    assert filtered(ruleset(whole)) == wished_firewall(whole)


@needs_nft
@pytest.mark.parametrize("sources", [("192.0.2.7",), ("10.0.0.0/24", "10.0.1.0/24"), (ANYONE,)])
def test_chosen_sources_are_loaded_as_they_are_wished(sources: tuple[str, ...]) -> None:
    chosen = Access(private_sources=sources, public_sources=sources)
    whole = instance(wish(access=chosen, public_access=("203.0.113.1",) * 3))
    assert loaded(ruleset(whole), table_name(whole)) == wished_firewall(whole)
    assert (9092 in wished_firewall(whole).allowed) == (ANYONE not in sources)


@needs_nft
@pytest.mark.parametrize(
    ("more", "others"),
    [
        ("insert rule inet {table} input tcp dport 9092 accept", 1),
        ("insert rule inet {table} input ip saddr 192.0.2.1 accept", 1),
        ("add rule inet {table} input tcp dport 9092 reject", 1),
        ("insert rule inet {table} input iifname eth0 accept", 1),
        ("insert rule inet {table} input udp dport 9092 drop", 1),
        ("add rule inet {table} input tcp dport 9090 drop", 1),
        ("add element inet {table} held {{ 9092 timeout 60s }}", 0),
    ],
)
def test_rules_of_others_are_counted(more: str, others: int) -> None:
    whole = instance()
    found = loaded(ruleset(whole), table_name(whole), more.format(table=table_name(whole)))
    assert found is not None
    assert found.others == others
    assert found.allowed == wished_firewall(whole).allowed


@needs_nft
def test_a_table_without_its_rules_is_open_to_anyone() -> None:
    whole = instance()
    table = table_name(whole)
    assert loaded(ruleset(whole), table, f"flush table inet {table}") == LoadedFirewall()
    gone = f"flush table inet {table}; delete chain inet {table} input"
    assert loaded(ruleset(whole), table, gone) is None


def test_no_listing_is_no_firewall() -> None:
    assert loaded_firewall({}) is None


def test_networks_are_alike_however_they_are_written() -> None:
    assert networks(["10.0.0.0/25", "10.0.0.128/25", "10.0.0.7"]) == networks(["10.0.0.0/24"])
