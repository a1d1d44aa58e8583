"""The fake world can fail wherever the real one can, so that no procedure is proved by kindness."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from flows.adapters import site
from flows.domain.cluster import NewTopic, ZNode
from flows.domain.dnat import Rule, Translation
from flows.domain.errors import EffectFailed
from flows.domain.firewall import Hold
from flows.domain.host_files import HostFile
from flows.domain.instance import Instance, Machine, Status, UnitState
from flows.domain.machines import MachineOrder
from flows.domain.operations import Door, OperationRow, OperationStatus, Trace
from flows.domain.permissions import OPEN_TOPIC
from flows.domain.progress import Progress
from flows.domain.security_groups import GroupRule
from flows.instances.create_instance import create_instance
from flows.procedures.remembering import start_row
from flows.steps.observation import remembered
from tests.flows.worlds import PLAIN, created, living_caller, the_row
from tests.world.effects import Broken, Killed, Trouble
from tests.world.world import World

READS = {
    "Clock": {"now", "monotonic", "pause", "token", "password"},
    "Provider": {
        "words",
        "defaults",
        "objections",
        "zones",
        "room",
        "need",
        "control_address",
        "client_network",
        "size",
        "exists",
        "running",
        # Only own hosts outlive an instance: test_own_hosts lets their cleaning fail.
        "clean_left",
        "survey",
        "routes_eips",
        "eips",
        "eip_objection",
        "has_groups",
        "security_groups",
        "group_of",
    },
    "Ansible": set(),
    "Hosts": {
        "reachable",
        "facts",
        "observe",
        "ways",
        "logs",
        "clients",
        "partition_bytes",
        "tunnel",
    },
    "Tunnel": {"talk"},
    "Stream": {"sendall", "recv"},
    "Boots": {"look"},
    "Distributions": set(),
    "ZooKeeper": {
        "staying_connected",
        "serving",
        "leader",
        "registrations",
        "state",
        "told",
        "broker_configs",
        "partitions",
    },
    "Kafka": {
        "check_controller",
        "near_controller",
        "cluster",
        "groups",
        "cluster_as_seen_by",
        "check_answers",
        "topics_with_permissions",
        "accepts",
        "replicas",
        "permissions",
    },
    "Probe": {"seen", "finish"},
    "Probes": set(),
    "Tls": {"served", "accepts"},
    "Vantage": {"network", "words", "ask"},
    "Vantages": {"of"},
    "Gateways": {"names", "look"},
    "Secrets": {"get", "resolve"},
    "Uploads": {"read"},
    "Records": {
        "allowance",
        "find",
        "find_deleted",
        "wishes",
        "living",
        "machines",
        "holds",
        "holder",
        "history",
        "traces",
    },
    "Processes": {"here", "alive"},
}
"""What only looks; everything else changes a world and must be able to fail."""


@dataclass(frozen=True)
class Scene:
    """A world with a running instance, and `epoch`, the number of an operation on another one."""

    world: World
    instance: Instance
    epoch: int

    @property
    def machine(self) -> Machine:
        """The machine of broker 1."""
        machine = self.instance.brokers[0].machine
        assert machine is not None
        return machine

    def play(self, playbook: str) -> site.Play:
        """A playbook on the first machine."""
        variables = {"host_files": [], "host_started_units": [], "host_start_generation": 1}
        secrets: dict[str, list[Any]] = {"host_secret_files": []}
        name = self.machine.name
        return site.Play(playbook, (self.machine,), 9, {name: variables}, {name: secrets})

    def row(self) -> OperationRow:
        """An operation on the instance, which nobody holds."""
        return row_of(self.world, the_row(self.world))


def row_of(world: World, row: site.InstanceRow) -> OperationRow:
    """An operation that somebody living begins."""
    return start_row("roll", row, {}, living_caller(world), world.clock.now())


ORDER = MachineOrder("t0000001-9-1", "t0000001-9", "zone-1", 2, 4, 100, "ssh-ed25519 K")
TRANSLATION = Translation("t0000001", (Rule(1, "203.0.113.1", "198.18.0.11"),))
TOPIC = NewTopic("orders", {0: (1, 2, 3)})
TARBALL = Path("/tarballs/kafka-9.tar")

CHANGES: dict[str, Callable[[Scene], object]] = {
    "Provider.make": lambda s: s.world.provider.make([ORDER]),
    "Provider.resize": lambda s: s.world.provider.resize(s.machine.name, 4, 8),
    "Provider.grow_disk": lambda s: s.world.provider.grow_disk(s.machine.name, 200),
    "Provider.remove": lambda s: s.world.provider.remove([s.machine.name]),
    "Provider.assign_eip": lambda s: s.world.provider.assign_eip("203.0.113.9", s.machine.name),
    "Provider.release_eip": lambda s: s.world.provider.release_eip("203.0.113.1"),
    "Provider.set_security_group": lambda s: s.world.provider.set_security_group(
        "wide", [GroupRule("0.0.0.0/0", ((9011, 9011),))]
    ),
    "Provider.put_in_group": lambda s: s.world.provider.put_in_group(s.machine.name, "other"),
    "Provider.remove_security_group": lambda s: s.world.provider.remove_security_group("spare"),
    "Gateways.translate": lambda s: s.world.gateways.translate("gateway", TRANSLATION, 9),
    "Ansible.play": lambda s: s.world.ansible.play(s.play("deliver.yml")),
    "Probes.start": lambda s: s.world.probes.start(s.instance),
    "Hosts.deliver": lambda s: s.world.hosts.deliver(s.machine, 9, [HostFile("/a", "b")], {}),
    "Hosts.stop_kafka": lambda s: s.world.hosts.stop_kafka(s.machine, 9),
    "Hosts.finish_kafka": lambda s: s.world.hosts.finish_kafka(s.machine, 9),
    "Hosts.start_kafka": lambda s: s.world.hosts.start_kafka(s.machine, 9, 2),
    "Hosts.hold": lambda s: s.world.hosts.hold(s.machine, 9, Hold("table", (9092,), 60)),
    "Hosts.let_in": lambda s: s.world.hosts.let_in(s.machine, 9, "table"),
    "Hosts.load_firewall": lambda s: s.world.hosts.load_firewall(s.machine, 9),
    "Kafka.shut_down": lambda s: s.world.kafka.shut_down(
        s.instance, s.world.zookeeper.state(s.instance), 2
    ),
    "Kafka.warm": lambda s: s.world.kafka.warm(s.instance, ("__fleet_probe", 0), 4),
    "Hosts.unpack": lambda s: s.world.hosts.unpack(s.machine, "kafka-9", TARBALL, 9),
    "Distributions.tarball": lambda s: s.world.distributions.tarball("kafka-2.7.2"),
    "ZooKeeper.write": lambda s: s.world.zookeeper.write(s.instance, [ZNode("/more")]),
    "ZooKeeper.merge_config": lambda s: s.world.zookeeper.merge_config(
        s.instance, "/config/users/alice", {"producer_byte_rate": "1000"}
    ),
    "ZooKeeper.remove": lambda s: s.world.zookeeper.remove(s.instance, "/config"),
    "ZooKeeper.announce": lambda s: s.world.zookeeper.announce(s.instance, "users/alice"),
    "Kafka.create_topic": lambda s: s.world.kafka.create_topic(s.instance, TOPIC),
    "Kafka.add_partitions": lambda s: s.world.kafka.add_partitions(
        s.instance, NewTopic("__fleet_probe", dict.fromkeys(range(4), (1, 2, 3)))
    ),
    "Kafka.grant": lambda s: s.world.kafka.grant(s.instance, "__fleet_probe", OPEN_TOPIC),
    "Kafka.revoke": lambda s: s.world.kafka.revoke(s.instance, "User:alice"),
    "Kafka.elect_preferred": lambda s: s.world.kafka.elect_preferred(
        s.instance, [("__fleet_probe", 0)]
    ),
    "Kafka.alter_broker": lambda s: s.world.kafka.alter_broker(
        s.instance, 1, {"num.io.threads": "4"}
    ),
    "Kafka.configure": lambda s: s.world.kafka.configure(
        s.instance, {"topics/__fleet_probe": {"retention.ms": None}}
    ),
    "Kafka.reassign": lambda s: s.world.kafka.reassign(
        s.instance, {("__fleet_probe", 0): (3, 2, 1)}
    ),
    "Kafka.round_trip": lambda s: s.world.kafka.round_trip(s.instance, "__fleet_probe", 1),
    "Secrets.keep": lambda s: s.world.secrets.keep("t0000001", "more", lambda: "x"),
    "Secrets.put": lambda s: s.world.secrets.put("t0000001", "more", "x"),
    "Secrets.drop": lambda s: s.world.secrets.drop("t0000001", "ssh-key"),
    "Secrets.forget": lambda s: s.world.secrets.forget("t0000001"),
    "Secrets.discard": lambda s: s.world.secrets.discard("fleet-run-1"),
    "Records.add": lambda s: s.world.records.add(another(s.world, "third")),
    "Records.set_status": lambda s: s.world.records.set_status("t0000001", Status.FAULTY),
    "Records.set_status_at_rest": lambda s: s.world.records.set_status_at_rest(
        "t0000001", Status.RUNNING, Status.FAULTY, ""
    ),
    "Records.forget_operations": lambda s: s.world.records.forget_operations([1]),
    "Records.forget_traces": lambda s: s.world.records.forget_traces(s.world.clock.now()),
    "Records.revise": lambda s: s.world.records.revise(
        "t0000001", s.instance.wish.model_copy(update={"description": "more"}), 9
    ),
    "Records.set_observed": lambda s: s.world.records.set_observed("t0000001", {}),
    "Records.keep_machine": lambda s: s.world.records.keep_machine("t0000001", s.machine),
    "Records.forget_machine": lambda s: s.world.records.forget_machine("t0000001", s.machine.name),
    "Records.forget_machines": lambda s: s.world.records.forget_machines("t0000001"),
    "Records.open": lambda s: s.world.records.open(s.row()),
    "Records.note": lambda s: s.world.records.note(s.row()),
    "Records.note_progress": lambda s: s.world.records.note_progress(s.epoch, Progress(50, 20)),
    "Records.close": lambda s: s.world.records.close(s.epoch, OperationStatus.FAILED, "", {}),
    "Records.trace": lambda s: s.world.records.trace(
        Trace("instanceStatusChanged", "ada", Door.PYTHON, "demo", {}, "done")
    ),
}


def another(world: World, name: str) -> site.InstanceRow:
    """An instance of another name."""
    demo = world.records.rows["t0000001"]
    wish = demo.wish.model_copy(update={"name": name})
    return replace(demo, id=f"{name}123", wish=wish, status=Status.CREATING)


def scene() -> Scene:
    """A running instance, and somebody who is about to make another."""
    world = created()
    instance = remembered(world.doors(), the_row(world))
    epoch = world.records.open(row_of(world, another(world, "other"))).epoch
    world.provider.eips_of_machines["203.0.113.1"] = "t0000001-1-1"
    world.provider.groups |= {"other": (), "spare": ()}
    world.effects.log.clear()
    world.hosts_hold_stores = False
    return Scene(world, instance, epoch)


def protocols() -> dict[str, set[str]]:
    """Every protocol of a door with the names of its methods and properties."""
    return {
        name: {
            method
            for method, value in vars(kind).items()
            if not method.startswith("_") and (inspect.isfunction(value) or is_property(value))
        }
        for name, kind in vars(site).items()
        if getattr(kind, "_is_protocol", False) and kind.__module__ == site.__name__
    }


def is_property(value: object) -> bool:
    """Whether a protocol asks for a property."""
    return isinstance(value, property)


def test_every_method_of_every_door_is_a_read_or_can_be_made_to_fail() -> None:
    known = {name: set(methods) for name, methods in READS.items()}
    for change in CHANGES:
        name, method = change.split(".")
        assert method not in known[name], change
        known[name].add(method)
    assert known == protocols()


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_an_effect_that_can_fail(change: str) -> None:
    healthy = scene()
    CHANGES[change](healthy)
    assert len(healthy.world.effects.log) == 1

    troubled = scene()
    troubled.world.effects.trouble_at = 0
    with pytest.raises(EffectFailed, match="failed"):
        CHANGES[change](troubled)


@pytest.mark.parametrize("playbook", ["deliver.yml", "start_broker.yml", "clean_host.yml"])
def test_every_playbook_can_fail_on_every_machine(playbook: str) -> None:
    found = scene()
    found.world.effects.trouble_at = 0
    with pytest.raises(EffectFailed, match=r"FakeAnsible\._\w+ failed"):
        found.world.ansible.play(found.play(playbook))


def test_trouble_comes_before_or_after_the_effect() -> None:
    for trouble, happened in [
        (Trouble.FAILS, False),
        (Trouble.REPORT_LOST, True),
        (Trouble.KILLED_BEFORE, False),
        (Trouble.KILLED_AFTER, True),
    ]:
        world = World()
        world.effects.trouble_at, world.effects.trouble = 0, trouble
        with pytest.raises((EffectFailed, Killed)):
            world.secrets.put("t0000001", "name", "value")
        assert (world.secrets.get("t0000001", "name") == "value") == happened
        if trouble in (Trouble.KILLED_BEFORE, Trouble.KILLED_AFTER):
            with pytest.raises(Killed):
                world.secrets.put("t0000001", "other", "a dead process does nothing")


def test_no_procedure_can_catch_a_broken_rule_of_the_world() -> None:
    world = created()
    host = next(iter(world.provider.hosts.values()))
    world.zookeeper.nodes.clear()
    assert host.kafka is UnitState.ACTIVE
    with pytest.raises(Broken, match="Kafka before its ACLs"):
        world.secrets.put("t0000001", "any", "effect")


def test_a_machine_that_outlives_its_instance_breaks_the_world() -> None:
    world = created()
    with pytest.raises(Broken, match="outlives its instance"):
        world.records.set_status("t0000001", Status.DELETED)


def test_a_host_refuses_an_older_operation() -> None:
    """Against zombies: the epoch only rises."""
    found = scene()
    found.world.ansible.play(found.play("deliver.yml"))
    name = found.machine.name
    old = site.Play("start_broker.yml", (found.machine,), 8, {name: {}}, {})
    with pytest.raises(EffectFailed, match="epoch 8 is below 9"):
        found.world.ansible.play(old)


def test_worlds_are_alike() -> None:
    first, second = World(), World()
    for world in (first, second):
        world.ask(create_instance, PLAIN)
    assert first.effects.log == second.effects.log
