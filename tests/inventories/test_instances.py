"""Ansible's inventory of the living instances."""

from __future__ import annotations

from pathlib import Path

from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from inventories.instances import inventory
from tests.world.world import World


def test_every_machine_is_a_host_of_its_instances_group(tmp_path: Path) -> None:
    world = World()
    world.ask(create_instance, {"name": "demo"})
    found = inventory(world.records, world.secrets, tmp_path / "ssh")
    hosts = found["demo"]["hosts"]
    assert len(hosts) == 3
    first = found["_meta"]["hostvars"][hosts[0]]
    assert first["ansible_host"] == "198.18.0.11"
    assert first["broker"] == 1
    key = Path(first["ansible_ssh_private_key_file"])
    assert "OPENSSH PRIVATE KEY" in key.read_text()
    assert key.stat().st_mode & 0o777 == 0o600
    known = key.with_name(f"{key.name}.known_hosts").read_text()
    assert known.startswith("198.18.0.11 ssh-ed25519 ")


def test_nothing_is_left_of_an_instance_that_is_gone(tmp_path: Path) -> None:
    world = World()
    world.ask(create_instance, {"name": "demo"})
    inventory(world.records, world.secrets, tmp_path)
    world.ask(delete_instance, {"instance": "demo", "confirm": "demo"})
    assert inventory(world.records, world.secrets, tmp_path) == {"_meta": {"hostvars": {}}}
    assert list(tmp_path.iterdir()) == []
