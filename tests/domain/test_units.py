"""The units of a host: how broker and ZooKeeper start, stop and come back."""

from __future__ import annotations

import configparser
import re

import pytest

from flows.domain.firewall import table_name
from flows.domain.flavors import FLAVORS
from flows.domain.instance import Instance
from flows.domain.jvm import jvm, kafka_flags, zookeeper_flags
from flows.domain.units import (
    JOURNAL_LIMIT,
    KAFKA_LOGGING,
    ZOOKEEPER_LOGGING,
    firewall_unit,
    kafka_unit,
    zookeeper_unit,
)
from tests.domain.samples import instance, wish

ZOOKEEPER_SESSION_SECONDS = 6
LAB, REAL = instance(), instance(wish(provider="hosts"))


def unit(text: str) -> configparser.ConfigParser:
    """A unit as systemd reads it; each of ours has every key once."""
    found = configparser.ConfigParser(interpolation=None, delimiters="=")
    found.optionxform = str  # type: ignore[assignment,method-assign]
    found.read_string(text)
    return found


def started(text: str) -> str:
    """The command line of a unit."""
    return unit(text)["Service"]["ExecStart"]


@pytest.mark.parametrize("text", [kafka_unit(LAB), zookeeper_unit(LAB)])
def test_both_stop_slowly_and_come_back_late(text: str) -> None:
    service = unit(text)["Service"]
    # SIGKILL costs a log recovery and the in-sync replicas of an unclean stop.
    assert service["SendSIGKILL"] == "no"
    assert service["TimeoutStopSec"] == "180"
    # A JVM that was stopped by SIGTERM exits with 143, which is no failure.
    assert service["SuccessExitStatus"] == "143"
    assert service["Restart"] == "on-failure"
    # Started within its old ZooKeeper session a broker dies of its own registration.
    assert int(service["RestartSec"]) > ZOOKEEPER_SESSION_SECONDS
    assert unit(text)["Unit"]["StartLimitIntervalSec"] == "0"


@pytest.mark.parametrize("text", [kafka_unit(LAB), zookeeper_unit(LAB)])
def test_nothing_listens_before_the_firewall_and_the_data_disk_are_there(text: str) -> None:
    section = unit(text)["Unit"]
    assert section["Requires"] == "kafka-fleet-firewall.service"
    assert "kafka-fleet-firewall.service" in section["After"].split()
    assert section["RequiresMountsFor"] == section["AssertPathIsMountPoint"] == "/srv/kafka"
    assert unit(text)["Service"]["User"] == "kafka"
    assert unit(text)["Service"]["UMask"] == "0077"
    assert unit(text)["Install"]["WantedBy"] == "multi-user.target"


def test_a_broker_starts_after_the_zookeeper_of_its_machine() -> None:
    assert "zookeeper.service" in unit(kafka_unit(LAB))["Unit"]["After"].split()
    assert "Wants" in unit(kafka_unit(LAB))["Unit"]
    assert "zookeeper.service" not in unit(kafka_unit(LAB))["Unit"]["Requires"]


def test_a_broker_runs_its_release_with_its_own_files() -> None:
    command = started(kafka_unit(LAB))
    assert command.startswith("/usr/bin/java ")
    assert command.endswith(
        "-cp /opt/kafka/kafka-2.7.2/libs/* kafka.Kafka /etc/kafka-fleet/private/server.properties"
    )
    for flag in (
        "-Djava.security.auth.login.config=/etc/kafka-fleet/private/kafka.jaas",
        "-Dlog4j.configuration=file:/etc/kafka-fleet/kafka-log4j.properties",
        "-Dkafkafleet.revoked.serials=/etc/kafka-fleet/private/revoked.serials",
    ):
        assert flag in command.split()


def test_measurements_are_for_the_machine_itself_only() -> None:
    (agent,) = [word for word in started(kafka_unit(LAB)).split() if "jolokia" in word]
    options = dict(each.split("=") for each in agent.partition(".jar=")[2].split(","))
    assert options["host"] == "127.0.0.1"
    assert options["discoveryEnabled"] == "false"
    assert options["policyLocation"] == ("file:///opt/kafka/kafka-2.7.2/agents/jolokia-policy.xml")


def test_a_zookeeper_node_runs_its_release_with_its_own_files() -> None:
    command = started(zookeeper_unit(LAB))
    assert command.endswith(
        "-cp /opt/kafka/zookeeper-3.8.6/libs/* "
        "org.apache.zookeeper.server.quorum.QuorumPeerMain /etc/kafka-fleet/zoo.cfg"
    )
    assert "-Djava.security.auth.login.config=/etc/kafka-fleet/private/zookeeper.jaas" in command
    assert "jolokia" not in command


def test_the_firewall_is_there_before_the_network_and_is_ours_alone() -> None:
    found = unit(firewall_unit(LAB, table_name(LAB)))
    assert found["Unit"]["Before"].split() == ["network-pre.target", "shutdown.target"]
    service = found["Service"]
    assert service["ExecStart"] == "/usr/sbin/nft -f /etc/kafka-fleet/firewall.nft"
    assert service["ExecReload"] == service["ExecStart"]
    assert service["ExecStop"] == f"-/usr/sbin/nft delete table inet {table_name(LAB)}"
    assert service["RemainAfterExit"] == "yes"


@pytest.mark.parametrize("whole", [LAB, REAL], ids=["lab", "hosts"])
def test_both_log_to_the_journal_which_is_limited(whole: Instance) -> None:
    for text in (kafka_unit(whole), zookeeper_unit(whole)):
        assert "StandardOutput" not in text
    assert "log4j.rootLogger=INFO, console" in KAFKA_LOGGING
    assert '<appender-ref ref="console"/>' in ZOOKEEPER_LOGGING
    assert "SystemMaxUse=500M" in JOURNAL_LIMIT


@pytest.mark.parametrize("logger", re.findall(r"log4j\.logger\.(\S+)=", KAFKA_LOGGING))
def test_no_logger_of_kafka_is_louder_than_the_root(logger: str) -> None:
    (level,) = re.findall(rf"log4j\.logger\.{re.escape(logger)}=(\w+)", KAFKA_LOGGING)
    assert level in ("WARN", "ERROR", "OFF")


@pytest.mark.parametrize("flavor", FLAVORS)
def test_real_machines_have_heaps_that_leave_room_for_the_page_cache(flavor: str) -> None:
    memory_gb = FLAVORS[flavor].memory_gb
    settings = jvm("hosts", memory_gb)
    heaps = settings.kafka_heap_mb + settings.zookeeper_heap_mb
    assert heaps <= memory_gb * 1024 // 2
    assert settings.kafka_heap_mb >= 1024
    assert "-XX:+UseG1GC" in kafka_flags(settings)
    # Claimed at the start: a broker must not find out later that the memory is not there.
    assert f"-Xms{settings.kafka_heap_mb}m" in kafka_flags(settings)


def test_a_bigger_machine_never_has_a_smaller_heap() -> None:
    heaps = [jvm("hosts", flavor.memory_gb).kafka_heap_mb for flavor in FLAVORS.values()]
    assert heaps == sorted(heaps)


@pytest.mark.parametrize("flavor", FLAVORS)
def test_the_lab_starts_fast_and_small_whatever_the_flavor(flavor: str) -> None:
    settings = jvm("lab", FLAVORS[flavor].memory_gb)
    assert kafka_flags(settings) == (
        "-Xmx256m",
        "-XX:TieredStopAtLevel=1",
        "-XX:+UseSerialGC",
        "-XX:-UsePerfData",
        "-Djava.awt.headless=true",
    )
    assert zookeeper_flags(settings)[0] == "-Xmx96m"
