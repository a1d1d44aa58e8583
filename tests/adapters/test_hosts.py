"""What hosts tell becomes values; a foreign firewall is judged; what runs there runs here, too."""

from __future__ import annotations

import json
import socket
import subprocess
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.adapters.hosts.asking import Call, ask_in_turn
from flows.adapters.hosts.connection import Answer, Connection
from flows.adapters.hosts.foreign_rules import dropped_ports
from flows.adapters.hosts.reading import clock_offset, host_facts, host_state, unit_state
from flows.adapters.hosts.remote.facts import facts, foreign_servers
from flows.adapters.hosts.ssh import BROKER, CLAIM
from flows.domain.errors import EffectFailed
from flows.domain.instance import Machine, UnitState

PORTS = (2181, 9092, 9093)


# Units and times.


def _unit(load: str, active: str, sub: str = "", started: str = "") -> dict[str, str]:
    return {
        "LoadState": load,
        "ActiveState": active,
        "SubState": sub,
        "ExecMainStartTimestamp": started,
    }


@pytest.mark.parametrize(
    ("told", "state"),
    [
        (_unit("not-found", "inactive", "dead"), UnitState.ABSENT),
        (_unit("loaded", "inactive", "dead"), UnitState.INACTIVE),
        (_unit("loaded", "active", "running"), UnitState.ACTIVE),
        (_unit("loaded", "deactivating", "stop-sigterm"), UnitState.ACTIVE),
        (_unit("loaded", "activating", "auto-restart"), UnitState.FAILED),
        (_unit("loaded", "failed", "failed"), UnitState.FAILED),
    ],
)
def test_a_unit_is_what_systemd_says(told: dict[str, str], state: UnitState) -> None:
    assert unit_state(told) is state


def _told(kafka: dict[str, str]) -> dict[str, Any]:
    return {
        "owner": "ab12cd34",
        "epoch": 3,
        "units": {"kafka.service": kafka, "zookeeper.service": _unit("not-found", "inactive")},
        "started_generation": 2,
        "distributions": ["kafka-2.7.2"],
        "digests": {"/a": "00"},
        "memory_used_mb": 700,
        "default_gateway": "10.0.0.1",
        "disk_total_bytes": 100,
        "disk_used_bytes": 40,
    }


def test_the_start_of_a_running_broker_is_exact_to_the_microsecond() -> None:
    running = _unit("loaded", "active", "running", "Tue 2026-11-24 15:38:05.715486 UTC")
    state = host_state(_told(running))
    assert state.kafka_started == 1795534685.715486
    assert (state.owner, state.epoch, state.started_generation) == ("ab12cd34", 3, 2)
    assert (state.disk_total_bytes, state.disk_used_bytes) == (100, 40)
    assert state.memory_used_mb == 700
    assert state.default_gateway == "10.0.0.1"


def test_a_data_disk_without_a_size_is_not_mounted() -> None:
    told = _told(_unit("loaded", "inactive", "dead"))
    assert host_state(told).disk_mounted
    assert not host_state({**told, "disk_total_bytes": 0}).disk_mounted


def test_a_broker_that_does_not_run_has_no_start() -> None:
    stopped = _unit("loaded", "inactive", "dead", "Tue 2026-11-24 15:38:05.715486 UTC")
    assert host_state(_told(stopped)).kafka_started is None


@given(
    true=st.floats(-1e6, 1e6), asked=st.floats(0, 1e9), wait=st.floats(0, 60), at=st.floats(0, 1)
)
def test_a_clock_is_never_blamed_for_a_slow_answer(
    true: float, asked: float, wait: float, at: float
) -> None:
    """The offset that is told is never larger than the true one, and has its sign."""
    told = clock_offset(asked + at * wait + true, asked, asked + wait)
    assert abs(told) <= abs(true) + 1e-3
    assert told * true >= 0
    assert abs(told) >= abs(true) - wait - 1e-3


# Firewalls that are not ours.


def _chain(name: str, policy: str = "", table: str = "filter", hook: str = "input") -> Any:
    base = {"type": "filter", "hook": hook, "prio": 0, "policy": policy} if policy else {}
    return {"chain": {"family": "inet", "table": table, "name": name, **base}}


def _rule(*expressions: Any, chain: str = "input", table: str = "filter") -> Any:
    place = {"family": "inet", "table": table, "chain": chain}
    return {"rule": {**place, "expr": list(expressions)}}


def _port(right: Any, protocol: str = "tcp", op: str = "==") -> Any:
    left = {"payload": {"protocol": protocol, "field": "dport"}}
    return {"match": {"op": op, "left": left, "right": right}}


DROP, ACCEPT, RETURN = {"drop": None}, {"accept": None}, {"return": None}
ESTABLISHED = {"match": {"op": "in", "left": {"ct": {"key": "state"}}, "right": ["established"]}}
FROM = {
    "match": {
        "op": "==",
        "left": {"payload": {"protocol": "ip", "field": "saddr"}},
        "right": "192.168.1.1",
    }
}


def _dropped(*entries: Any) -> tuple[int, ...]:
    return dropped_ports(json.dumps({"nftables": list(entries)}), PORTS)


def test_a_host_without_a_firewall_drops_nothing() -> None:
    assert dropped_ports("", PORTS) == ()
    assert _dropped() == ()
    assert _dropped(_chain("input", "accept")) == ()


def test_a_policy_drops_what_no_rule_accepts() -> None:
    closed = _chain("input", "drop")
    assert _dropped(closed, _rule(ESTABLISHED, ACCEPT), _rule(_port(22), ACCEPT)) == PORTS
    assert _dropped(closed, _rule(ACCEPT)) == ()
    assert _dropped(closed, _rule(_port({"range": [9000, 9999]}), ACCEPT)) == (2181,)
    assert _dropped(closed, _rule(FROM, _port({"set": [2181, 9092]}), ACCEPT)) == (9093,)


def test_a_rule_that_names_our_port_counts_whomever_it_is_about() -> None:
    opened = _chain("input", "accept")
    assert _dropped(opened, _rule(FROM, _port(9092), DROP)) == (9092,)
    assert _dropped(opened, _rule(_port(9092), {"reject": {"type": "tcp reset"}})) == (9092,)
    assert _dropped(opened, _rule(_port(22, op="!="), DROP)) == PORTS
    assert _dropped(opened, _rule(FROM, DROP)) == ()
    assert _dropped(opened, _rule(_port(9092, protocol="udp"), DROP)) == ()


def test_chains_are_followed_as_the_kernel_does() -> None:
    closed, users = _chain("input", "drop"), _chain("users")
    jump, goto = {"jump": {"target": "users"}}, {"goto": {"target": "users"}}
    accepted = _rule(_port(9092), ACCEPT, chain="users")
    assert _dropped(closed, users, _rule(jump), accepted) == (2181, 9093)
    assert _dropped(closed, users, _rule(goto), _rule(ACCEPT), accepted) == (2181, 9093)
    left = _rule(_port(2181), RETURN, chain="users")
    assert _dropped(closed, users, _rule(jump), left, _rule(ACCEPT, chain="users")) == (2181,)
    endless = _rule(jump, chain="users")
    assert _dropped(closed, users, _rule(jump), endless) == PORTS


def test_our_own_tables_and_other_hooks_are_not_foreign() -> None:
    ours = "kafka_fleet_ab12cd34"
    rule = _rule(_port(9092), DROP, table=ours)
    assert _dropped(_chain("input", "accept", table=ours), rule) == ()
    assert _dropped(_chain("forward", "drop", hook="forward")) == ()


# The questions run on any Linux, so here as well.


def test_facts_of_this_machine() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        told = facts("/dev/null")
        assert server.getsockname()[1] in told["listening"]
    found = host_facts(json.loads(json.dumps(told)), asked=told["clock"], answered=told["clock"])
    assert found.system.split()[0].isalpha()
    assert found.memory_mb > 100
    assert found.disk_gb == 0
    assert found.clock_offset_seconds == 0


def test_a_broker_that_somebody_runs_is_seen() -> None:
    argv = ["sh", "-c", "echo; read _", "kafka.Kafka", "server.properties"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as broker:
        # Until it has become another program it has no words that anybody could read.
        assert broker.stdout is not None
        assert broker.stdout.readline() == b"\n"
        assert broker.pid in foreign_servers(None)
        assert broker.pid in foreign_servers("ab12cd34")
        assert facts("/dev/null")["foreign_kafka"] is True
        broker.communicate(b"\n", timeout=10)


# A host that is this machine: its commands are processes here.


class Here:
    """What a connection is asked for, done by a process of this machine."""

    machine = Machine("here-1-1", 1, 1, "127.0.0.1", "zone-1", "ssh-ed25519 K")

    def __init__(self) -> None:
        self.commands: list[str] = []

    def run(self, command: str, given: bytes = b"") -> Answer:
        """Runs it."""
        self.commands.append(command)
        done = subprocess.run(command.split(), input=given, capture_output=True, check=False)
        return Answer(done.stdout, done.stderr.decode(), done.returncode)


def test_a_change_is_one_process_and_who_may_not_change_gets_no_further(tmp_path: Path) -> None:
    state, here = str(tmp_path), Here()
    note = Call(BROKER, "note_generation", {"state": state, "generation": 7})
    ask_in_turn(cast(Connection, here), claimed(state, 5), note)
    assert json.loads((tmp_path / "started.json").read_text()) == {"generation": 7}
    assert len(here.commands) == 1

    late = Call(BROKER, "note_generation", {"state": state, "generation": 3})
    with pytest.raises(EffectFailed, match="here-1-1: the host was changed by operation 5"):
        ask_in_turn(cast(Connection, here), claimed(state, 4), late)
    assert json.loads((tmp_path / "started.json").read_text()) == {"generation": 7}


def claimed(state: str, epoch: int) -> Call:
    """The host belongs to the operation."""
    return Call(CLAIM, "claim", {"state": state, "owner": "t0000001", "epoch": epoch})
