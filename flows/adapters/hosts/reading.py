"""From what a host told to the values of the domain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from flows.adapters.hosts.foreign_rules import dropped_ports
from flows.domain.access_seen import HostWays
from flows.domain.instance import HostState, UnitState
from flows.domain.loaded_firewall import loaded_firewall
from flows.domain.machines import HostFacts
from flows.domain.preflight import OUR_PORTS
from flows.domain.seen_clients import SeenClient

_ACTIVE = {"active", "reloading", "activating", "deactivating"}


def host_state(told: Mapping[str, Any]) -> HostState:
    """The state of a host as one value."""
    kafka = told["units"]["kafka.service"]
    return HostState(
        owner=told["owner"],
        epoch=told["epoch"],
        zookeeper=unit_state(told["units"]["zookeeper.service"]),
        kafka=unit_state(kafka),
        kafka_started=_started(kafka),
        started_generation=told["started_generation"],
        distributions=tuple(told["distributions"]),
        digests=MappingProxyType(told["digests"]),
        memory_used_mb=told["memory_used_mb"],
        disk_mounted=told["disk_total_bytes"] > 0,
        default_gateway=told["default_gateway"],
        disk_total_bytes=told["disk_total_bytes"],
        disk_used_bytes=told["disk_used_bytes"],
    )


def host_facts(told: Mapping[str, Any], asked: float, answered: float) -> HostFacts:
    """The facts of a host; it was asked and has answered at these times of our clock."""
    return HostFacts(
        system=told["system"],
        python=told["python"],
        java=told["java"],
        memory_mb=told["memory_mb"],
        clock_offset_seconds=clock_offset(told["clock"], asked, answered),
        disk_gb=told["disk_bytes"] >> 30,
        listening=tuple(told["listening"]),
        resolves_itself=told["resolves_itself"],
        owner=told["owner"],
        foreign_kafka=told["foreign_kafka"],
        foreign_drops=dropped_ports(told["firewall"], OUR_PORTS),
        vcpus=told["vcpus"],
        data_disk=told["data_disk"],
        missing_packages=tuple(told["missing_packages"]),
    )


def host_ways(told: Mapping[str, Any]) -> HostWays:
    """How clients come in on a host."""
    table = json.loads(told["table"]) if told["table"] else {}
    return HostWays(loaded_firewall(table), MappingProxyType(told["file"]))


def seen_client(line: str) -> SeenClient:
    """A client from its line: user, address, seconds since it asked."""
    user, address, seconds = line.split()
    return SeenClient(user, address, int(seconds))


def clock_offset(told: float, asked: float, answered: float) -> float:
    """Seconds that a clock surely is ahead (or behind): 0 when it fits between our two looks."""
    return max(0.0, told - answered) + min(0.0, told - asked)


def unit_state(told: Mapping[str, str]) -> UnitState:
    """What systemd's words mean; a unit that waits for its next start has failed."""
    if told["LoadState"] == "not-found":
        return UnitState.ABSENT
    if told["ActiveState"] == "failed" or told["SubState"] == "auto-restart":
        return UnitState.FAILED
    return UnitState.ACTIVE if told["ActiveState"] in _ACTIVE else UnitState.INACTIVE


def _started(told: Mapping[str, str]) -> float | None:
    """When the running process was started, in seconds since 1970: the same at every look."""
    if unit_state(told) is not UnitState.ACTIVE or not told["ExecMainStartTimestamp"]:
        return None
    _, day, time, _ = told["ExecMainStartTimestamp"].split()
    return datetime.fromisoformat(f"{day}T{time}").replace(tzinfo=UTC).timestamp()
