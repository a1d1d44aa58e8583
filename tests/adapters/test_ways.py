"""How clients come in on a host, asked as it is asked over SSH: a real kernel, a real file."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from flows.adapters.hosts import reading
from flows.adapters.site import Hosts
from flows.domain.access_seen import FILE_KEYS, HostWays
from flows.domain.drift import wished_firewall
from flows.domain.firewall import ruleset, table_name
from flows.domain.instance import Instance, Machine
from flows.steps.observation import remembered
from tests.domain.samples import instance
from tests.flows.worlds import created, the_row

REMOTE = Path(reading.__file__).parent / "remote/ways.py"
FILE = """listeners=PRIVATE://10.0.0.1:9092
max.connections.per.ip=200
password.encoder.secret=hidden
"""
needs_nft = pytest.mark.skipif(
    shutil.which("nft") is None or os.geteuid() != 0,
    reason="nft and root are needed to ask nftables itself",
)


def asked(text: str, table: str, file: Path) -> HostWays:
    """What the remote function says in a network namespace that ends with the process."""
    call = f"\nimport json; print(json.dumps(ways({table!r}, {str(file)!r}, {list(FILE_KEYS)})))"
    script = 'echo "$0" | nft -f - && python3 -I -c "$1"'
    code = REMOTE.read_text(encoding="utf-8") + call
    argv = ["unshare", "--net", "sh", "-c", script, text, code]
    ran = subprocess.run(argv, capture_output=True, text=True, timeout=20, check=True)
    told: dict[str, Any] = json.loads(ran.stdout)
    assert "hidden" not in ran.stdout
    return reading.host_ways(told)


@needs_nft
def test_a_host_tells_what_it_filters_and_no_secret_of_the_file(tmp_path: Path) -> None:
    whole, file = instance(), tmp_path / "server.properties"
    file.write_text(FILE)
    found = asked(ruleset(whole), table_name(whole), file)
    assert found.firewall == wished_firewall(whole)
    assert found.file == {
        "listeners": "PRIVATE://10.0.0.1:9092",
        "max.connections.per.ip": "200",
    }


@needs_nft
def test_a_host_without_table_and_file_tells_that_there_is_none(tmp_path: Path) -> None:
    found = asked("", table_name(instance()), tmp_path / "missing")
    assert found == HostWays(None, {})


def ways_contract(hosts: Hosts, whole: Instance, machine: Machine, epoch: int) -> None:
    """The machine is one of the instance, as it is wished; afterwards it is again."""
    for _ in range(2):
        found = hosts.ways(machine, table_name(whole))
        assert found.firewall == wished_firewall(whole)
        assert set(found.file) == set(FILE_KEYS)
        hosts.load_firewall(machine, epoch)


def test_the_fake_keeps_the_contract() -> None:
    world = created()
    whole = remembered(world.doors(), the_row(world))
    machine = whole.brokers[0].machine
    assert machine is not None
    ways_contract(world.hosts, whole, machine, 9)
