"""The flavor table and the versions, compared with the contract (SPEC 1.1, guide 1.4)."""

from __future__ import annotations

import pytest

from flows.domain.flavors import FLAVORS, Flavor, FlavorName
from flows.domain.versions import VERSIONS, ZOOKEEPER_DISTRIBUTION, VersionName
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


def test_versions_are_those_of_the_guide_and_only_2_7_can_be_made_now() -> None:
    assert [str(name) for name in VersionName] == ["1.1.0", "2.3.0", "2.7"]
    assert list(VERSIONS) == [str(name) for name in VersionName]
    assert [name for name, version in VERSIONS.items() if version.available] == ["2.7"]
    assert all(VERSIONS[name].name == name for name in VERSIONS)


def test_2_7_is_the_newest_patch_with_a_distribution_of_its_own() -> None:
    version = wish().release
    assert (version.release, version.distribution) == ("2.7.2", "kafka-2.7.2")
    assert ZOOKEEPER_DISTRIBUTION == "zookeeper-3.8.6"


def test_what_differs_between_versions() -> None:
    old, middle, new = VERSIONS.values()
    # TLS 1.3 breaks the inter-broker listener of 1.1.0 and 2.3.0 when it is on for all listeners.
    assert (old.tls_protocols, middle.tls_protocols) == ("TLSv1.2", "TLSv1.2")
    assert new.tls_protocols == "TLSv1.2,TLSv1.3"
    # A limit of connections per listener is ignored by 1.1.0.
    assert [each.limits_connections for each in (old, middle, new)] == [False, True, True]
    assert old.authorizer == middle.authorizer == "kafka.security.auth.SimpleAclAuthorizer"
    assert new.authorizer == "kafka.security.authorizer.AclAuthorizer"
