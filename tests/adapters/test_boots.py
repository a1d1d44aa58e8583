"""What a host would do at its next boot, asked as it is asked over SSH."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from flows.adapters.boots import ssh
from flows.adapters.site import Boots
from flows.domain.access_seen import AtBoot
from flows.domain.firewall import firewall_digest, ruleset
from flows.domain.instance import Instance, Machine
from flows.steps.observation import remembered
from tests.domain.samples import instance
from tests.flows.worlds import created, the_row

REMOTE = Path(ssh.__file__).parent / "remote/boot.py"


def asked(file: Path, systemd: str, directory: Path) -> Any:
    """What the remote function says where systemd says this of the unit."""
    tool = directory / "systemctl"
    tool.write_text(f"#!/bin/sh\necho {systemd}\n")
    tool.chmod(0o755)
    call = f"\nimport json; print(json.dumps(boot({str(file)!r}, 'firewall.service')))"
    argv = [sys.executable, "-I", "-c", REMOTE.read_text(encoding="utf-8") + call]
    paths = {"PATH": f"{directory}:/usr/bin:/bin"}
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=True, env=paths)
    return json.loads(ran.stdout)


@pytest.mark.parametrize(("systemd", "enabled"), [("enabled", True), ("disabled", False)])
def test_a_host_tells_which_rules_it_would_load(
    systemd: str, enabled: bool, tmp_path: Path
) -> None:
    file = tmp_path / "firewall.nft"
    file.write_text(ruleset(instance()))
    wished = {"file": firewall_digest(instance()), "enabled": enabled}
    assert asked(file, systemd, tmp_path) == wished


def test_a_host_without_the_file_tells_that_there_is_none(tmp_path: Path) -> None:
    assert asked(tmp_path / "missing", "", tmp_path) == {"file": "", "enabled": False}


def boots_contract(boots: Boots, whole: Instance, machine: Machine) -> None:
    """The machine is one of the instance, as it is wished."""
    assert boots.look(machine) == AtBoot(firewall_digest(whole), enabled=True)


def test_the_fake_keeps_the_contract() -> None:
    world = created()
    whole = remembered(world.doors(), the_row(world))
    machine = whole.brokers[0].machine
    assert machine is not None
    boots_contract(world.boots, whole, machine)
