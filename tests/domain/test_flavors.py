"""The flavor table, compared with the contract (SPEC 1.1, guide 1.4)."""

from __future__ import annotations

import pytest

from flows.domain.flavors import FLAVORS, Flavor, FlavorName
from tests.domain.samples import wish

# As the contract writes it: flavor | vCPU/GB | brokers | TPS | partitions | groups | connections
# | total storage GB | MB/s; all but the storage per broker.
TABLE = """
kafka.2u4g.cluster   | 2/4   | 3-30 | 30,000  | 250   | 20  | 2,000 | 300-300,000   | 100
kafka.4u8g.cluster   | 4/8   | 3-30 | 100,000 | 500   | 100 | 4,000 | 300-600,000   | 200
kafka.8u16g.cluster  | 8/16  | 3-50 | 150,000 | 1,000 | 150 | 4,000 | 300-1,500,000 | 250
kafka.12u24g.cluster | 12/24 | 3-50 | 200,000 | 1,500 | 200 | 4,000 | 300-1,500,000 | 375
kafka.16u32g.cluster | 16/32 | 3-50 | 250,000 | 2,000 | 200 | 4,000 | 300-1,500,000 | 500
"""


def row_of(flavor: Flavor) -> str:
    """The flavor as a row of the table, without blanks."""
    return "|".join(
        [
            flavor.name,
            f"{flavor.vcpus}/{flavor.memory_gb}",
            f"{flavor.min_brokers}-{flavor.max_brokers}",
            f"{flavor.tps:,}",
            f"{flavor.partitions:,}",
            f"{flavor.consumer_groups:,}",
            f"{flavor.connections:,}",
            f"{flavor.min_storage_gb}-{flavor.max_storage_gb:,}",
            f"{flavor.megabytes_per_second}",
        ]
    )


def test_the_flavors_are_the_rows_of_the_contract() -> None:
    wanted = [line.replace(" ", "") for line in TABLE.strip().splitlines()]
    assert [row_of(flavor) for flavor in FLAVORS.values()] == wanted


def test_every_flavor_can_be_chosen_by_name() -> None:
    assert [str(name) for name in FlavorName] == list(FLAVORS)
    assert all(FLAVORS[name].name == name for name in FlavorName)


@pytest.mark.parametrize(
    ("flavor", "brokers", "limit"),
    [("kafka.2u4g.cluster", 3, 750), ("kafka.4u8g.cluster", 3, 1_500)],
)
def test_partitions_of_an_instance_are_limited_by_flavor_and_brokers(
    flavor: str, brokers: int, limit: int
) -> None:
    assert wish(flavor=flavor, brokers=brokers).partition_limit == limit
