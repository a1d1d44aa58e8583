"""The preflight: what a host must be, each shortcoming a sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from flows.domain.machines import HostFacts
from flows.domain.preflight import OUR_PORTS, SYSTEMS, HostNeed, shortcomings

NEED = HostNeed(owner="k7m2p9qa", memory_mb=4_096, disk_gb=100, vcpus=2)
JAVA = "OpenJDK 11 or 17 is needed (apt-get install openjdk-17-jre-headless)"
BLANK = "only a blank disk is accepted (`wipefs --all` blanks it)"
FIT = HostFacts(
    system="debian 12",
    python="3.11.2",
    java="17.0.15",
    memory_mb=4_096,
    clock_offset_seconds=0.0,
    disk_gb=100,
    listening=(22, 5432),
    resolves_itself=True,
    owner=None,
    foreign_kafka=False,
    vcpus=2,
)


def found(**changes: Any) -> tuple[str, ...]:
    """What is wrong with a fit host after the changes."""
    return shortcomings(replace(FIT, **changes), NEED)


def test_a_fit_host_has_no_shortcoming() -> None:
    assert found() == ()


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"owner": "other123"}, "it carries the marker of instance other123"),
        ({"foreign_kafka": True}, "another Kafka is installed or running there"),
        ({"memory_mb": 3_686}, "it has 3686 MB of memory, 4096 MB are needed"),
        ({"disk_gb": 89}, "its data disk has 89 GB, 100 GB are needed"),
        ({"java": ""}, f"it has no Java; {JAVA}"),
        ({"java": "1.8.0_392"}, f"it has Java 1.8.0_392; {JAVA}"),
        ({"java": "21.0.2"}, f"it has Java 21.0.2; {JAVA}"),
        ({"system": "ubuntu 24.04"}, "it runs ubuntu 24.04; accepted are " + ", ".join(SYSTEMS)),
        ({"vcpus": 1}, "it has 1 vCPUs, 2 are needed"),
        ({"data_disk": "ext4"}, f"its data disk holds ext4; {BLANK}"),
        (
            {"data_disk": "xfs kafka-fleet"},
            f"its data disk holds the data of an instance that is gone; {BLANK}",
        ),
        (
            {"missing_packages": ("nftables", "xfsprogs")},
            "it lacks Debian packages that are needed (apt-get install nftables xfsprogs)",
        ),
        ({"python": ""}, "it has no Python 3"),
        (
            {"clock_offset_seconds": -7.24},
            "its clock is -7.2 s off, at most 5 s allowed",
        ),
        ({"clock_offset_seconds": 5.1}, "its clock is +5.1 s off, at most 5 s allowed"),
        ({"resolves_itself": False}, "it cannot resolve its own host name"),
        (
            {"foreign_drops": (9093, 2181)},
            "a firewall that is not ours drops port 9093, 2181",
        ),
        ({"listening": (9093,)}, "port 9093 is in use"),
    ],
)
def test_each_shortcoming_has_its_sentence(changes: dict[str, Any], sentence: str) -> None:
    assert found(**changes) == (sentence,)


def test_a_little_less_than_nominal_is_normal() -> None:
    """Kernels and file systems keep some for themselves."""
    assert found(memory_mb=3_700, disk_gb=93, clock_offset_seconds=4.9) == ()


def test_a_host_that_is_already_ours_may_listen_on_our_ports() -> None:
    """An interrupted creation goes on."""
    ours = {"owner": "k7m2p9qa", "data_disk": "xfs kafka-fleet"}
    assert found(**ours, listening=OUR_PORTS, foreign_kafka=True) == ()


@pytest.mark.parametrize("system", ["debian 12", "debian 11", "ubuntu 22.04"])
def test_systems_are_supported_by_name(system: str) -> None:
    assert found(system=system) == ()


def test_every_port_that_we_need_is_asked_for() -> None:
    sentences = found(listening=(*OUR_PORTS, 22, 8080))
    ports = (9090, 9091, 9092, 9093, 9094, 9095, 9011, 2181, 2888, 3888)
    assert sentences == tuple(f"port {port} is in use" for port in ports)


def test_everything_that_is_wrong_is_said_at_once() -> None:
    sentences = found(java="", memory_mb=1, owner="other123", listening=(9090,))
    assert len(sentences) == 4
