"""Sizing: every limit holds, nothing cheaper does, and the limit that decided is named."""

from __future__ import annotations

from contextlib import suppress
from math import ceil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.domain.errors import Refused
from flows.domain.flavors import FLAVORS, Flavor
from flows.domain.legacy_flavors import LEGACY_FLAVORS, may_become, read_legacy_flavor
from flows.domain.sizing import Load, Size, size_for
from tests.domain.samples import OFTEN, refused

LOADS = st.builds(
    lambda mbps, hours, replicas, partitions, connections: Load.read(
        {
            "mbps": mbps / 10,
            "retention_hours": hours,
            "replicas": replicas,
            "partitions": partitions,
            "connections": connections,
        }
    ),
    st.integers(1, 50_000),
    st.integers(1, 720),
    st.integers(1, 3),
    st.integers(1, 120_000 // 2),
    st.integers(1, 250_000),
)


def load(**changes: Any) -> Load:
    return Load.read({"mbps": 10, **changes})


def carries(flavor: Flavor, brokers: int, storage: int, wanted: Load) -> bool:
    """The limits of SPEC 1.1, written once more."""
    data = wanted.mbps * 3600 * wanted.retention_hours / 1000
    return (
        flavor.min_brokers <= brokers <= flavor.max_brokers
        and brokers >= wanted.replicas
        and wanted.mbps <= flavor.megabytes_per_second * brokers / wanted.replicas / 2 + 1e-9
        and wanted.partitions <= flavor.partitions * brokers
        and wanted.connections <= flavor.connections * brokers
        and storage >= 100
        and storage % 100 == 0
        and flavor.min_storage_gb <= storage * brokers <= flavor.max_storage_gb
        and storage * brokers >= data * wanted.replicas + 100 - 1e-6
    )


@OFTEN
@given(LOADS)
def test_the_answer_fits_and_nothing_cheaper_does(wanted: Load) -> None:
    everything = [
        (flavor, brokers, ceil(wanted.storage_gb / brokers / 100) * 100)
        for flavor in FLAVORS.values()
        for brokers in range(3, 51)
    ]
    fitting = [Size(*each) for each in everything if carries(*each, wanted)]
    try:
        advice = size_for(wanted)
    except Refused:
        assert fitting == []
        return
    size = advice.size
    assert carries(size.flavor, size.brokers, size.storage_per_broker, wanted)
    assert size.cost == min(each.cost for each in fitting)


@OFTEN
@given(LOADS)
def test_a_larger_load_never_needs_less(wanted: Load) -> None:
    larger = wanted.model_copy(update={"partitions": min(60_000, wanted.partitions * 2)})
    with suppress(Refused):  # what is too much for every instance has no size
        assert size_for(wanted).size.cost[0] <= size_for(larger).size.cost[0]


@pytest.mark.parametrize(
    ("wanted", "size", "decided_by"),
    [
        (load(), ("kafka.2u4g.cluster", 3, 2700), ()),
        (load(mbps=50, connections=2000), ("kafka.2u4g.cluster", 3, 13_000), ()),
        (load(mbps=51), ("kafka.2u4g.cluster", 4, 10_000), ("traffic",)),
        (load(mbps=100), ("kafka.4u8g.cluster", 3, 26_000), ("traffic",)),
        (load(partitions=751), ("kafka.2u4g.cluster", 4, 2000), ("partitions",)),
        (load(connections=6001), ("kafka.2u4g.cluster", 4, 2000), ("connections",)),
        (
            load(mbps=51, partitions=751),
            ("kafka.2u4g.cluster", 4, 10_000),
            ("traffic", "partitions"),
        ),
        (load(mbps=99, retention_hours=720), ("kafka.8u16g.cluster", 3, 256_700), ("storage",)),
    ],
)
def test_the_limit_that_decided_is_named(
    wanted: Load, size: tuple[str, int, int], decided_by: tuple[str, ...]
) -> None:
    advice = size_for(wanted)
    chosen = advice.size
    assert (chosen.flavor.name, chosen.brokers, chosen.storage_per_broker) == size
    assert advice.decided_by == decided_by


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({}, "mbps: it is required"),
        ({"mbps": 0}, "mbps 0.0: more than 0 and at most 100000 MB/s are accepted"),
        ({"mbps": "much"}, 'mbps "much": accepted is a valid number'),
        ({"mbps": 5, "replicas": 4}, "replicas 4: 1 to 3 are accepted"),
        ({"mbps": 5, "retention_hours": 721}, "retention_hours 721: 1 to 720 are accepted"),
        ({"mbps": 5, "partitions": 0}, "partitions 0: 1 to 100000 are accepted"),
        ({"mbps": 5, "connections": 0}, "connections 0: 1 to 1000000 are accepted"),
    ],
)
def test_what_is_no_load_is_refused(wanted: dict[str, Any], sentence: str) -> None:
    assert refused(lambda: Load.read(wanted)).startswith(sentence)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (
            load(mbps=9000),
            "traffic: 54,000 MB/s are needed, and the largest instance has 25,000 MB/s; split the "
            "load over several instances",
        ),
        (
            load(connections=200_001),
            "connections: 200,001 are needed, and the largest instance has 200,000; split the load "
            "over several instances",
        ),
        (
            load(mbps=4000, retention_hours=720),
            "storage: 31,104,100 GB are needed, and the largest instance has 1,500,000 GB; split "
            "the load over several instances",
        ),
    ],
)
def test_what_no_instance_carries_is_refused_with_the_numbers(wanted: Load, sentence: str) -> None:
    assert refused(lambda: size_for(wanted)) == sentence


def test_legacy_rows_are_those_of_the_guide() -> None:
    assert {row.name: (row.connections, row.equivalent) for row in LEGACY_FLAVORS.values()} == {
        "100 MB/s": (3_000, None),
        "300 MB/s": (10_000, ("kafka.2u4g.cluster", 3)),
        "600 MB/s": (20_000, ("kafka.4u8g.cluster", 3)),
        "1200 MB/s": (20_000, ("kafka.4u8g.cluster", 6)),
    }
    mapped = [row for row in LEGACY_FLAVORS.values() if row.flavor and row.equivalent]
    for row in mapped:
        assert row.flavor
        assert row.equivalent
        assert row.flavor.megabytes_per_second * row.equivalent[1] == row.bandwidth


def test_old_records_are_read_and_only_grow() -> None:
    assert read_legacy_flavor("300MB").name == "300 MB/s"
    assert read_legacy_flavor(" 1200 MB/s ").bandwidth == 1200
    assert [row.bandwidth for row in may_become(read_legacy_flavor("300 MB/s"))] == [600, 1200]
    assert may_become(read_legacy_flavor("1200 MB/s")) == ()
    assert refused(lambda: read_legacy_flavor("200 MB/s")) == (
        'flavor "200 MB/s": legacy flavors are 100 MB/s, 300 MB/s, 600 MB/s, 1200 MB/s'
    )


def test_the_legacy_row_beside_is_the_smallest_that_would_do() -> None:
    assert size_for(load(mbps=16)).legacy == LEGACY_FLAVORS["100 MB/s"]
    assert size_for(load(mbps=16, connections=3001)).legacy == LEGACY_FLAVORS["300 MB/s"]
    assert size_for(load(mbps=201)).legacy is None
