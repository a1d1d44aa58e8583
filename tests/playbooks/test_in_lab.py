"""The playbooks and the SSH adapter on real machines, as one story of two hosts.

The tests run in their order: each finds the hosts as the one before left them.
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import signal
import subprocess
import tarfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from flows.adapters.ansible import RunnerAnsible
from flows.adapters.hosts import SshHosts
from flows.adapters.site import Play
from flows.domain.errors import EffectFailed
from flows.domain.instance import HostState, Machine, UnitState
from inventories.lab import Lab, MachineSpec

pytestmark = pytest.mark.lab

OWNER = "ab12cd34"
PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
RULES = "/etc/kafka-fleet/firewall.nft"
TABLE = "kafka_fleet_ab12cd34"
SECRET = "seeded-Secret-{{ 4711 }}"
SECRET_FILES = [
    {"path": "/etc/kafka-fleet/private/word", "content": SECRET, "mode": "0400", "owner": "kafka"},
    {
        "path": "/etc/kafka-fleet/private/store.p12",
        "content": "AAEC/w==",
        "encoding": "base64",
        "mode": "0400",
        "owner": "kafka",
    },
]
SERVICE = """[Unit]
Requires=kafka-fleet-firewall.service
After=kafka-fleet-firewall.service
RequiresMountsFor=/srv/kafka
[Service]
User=kafka
ExecStart=/bin/sh -c '{script}'
SendSIGKILL=no
TimeoutStopSec=1
[Install]
WantedBy=multi-user.target
"""
GENTLE = "exec sleep infinity"
STUBBORN = 'trap "" TERM; while :; do sleep 1; done'
FIREWALL = f"""[Unit]
DefaultDependencies=no
Before=network-pre.target
Wants=network-pre.target
[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/sbin/nft -f {RULES}
ExecReload=/usr/sbin/nft -f {RULES}
ExecStop=-/usr/sbin/nft delete table inet {TABLE}
[Install]
WantedBy=multi-user.target
"""


def _rules(port: int) -> str:
    return f"""table inet {TABLE} {{}}
delete table inet {TABLE}
table inet {TABLE} {{
  chain input {{
    type filter hook input priority filter; policy accept;
    tcp dport {port} drop
  }}
}}
"""


def _variables(kafka: str = GENTLE, port: int = 9092) -> dict[str, Any]:
    units = "/etc/systemd/system"
    files = {
        f"{units}/kafka.service": SERVICE.format(script=kafka),
        f"{units}/zookeeper.service": SERVICE.format(script=GENTLE),
        f"{units}/kafka-fleet-firewall.service": FIREWALL,
        "/etc/systemd/journald.conf.d/kafka-fleet.conf": "[Journal]\nSystemMaxUse=64M\n",
        "/etc/kafka-fleet/zoo.cfg": "no={{ template }}\n",
        RULES: _rules(port),
    }
    directories = [("/etc/kafka-fleet/private", "0700"), ("/srv/kafka", "0750")]
    return {
        "host_directories": [
            {"path": path, "mode": mode, "owner": "kafka"} for path, mode in directories
        ],
        "host_files": [{"path": path, "content": text} for path, text in files.items()],
        "host_units": ["kafka-fleet-firewall.service", "zookeeper.service", "kafka.service"],
        "host_loaded_units": {"kafka-fleet-firewall.service": RULES},
        "host_started_units": ["zookeeper.service"],
    }


def _on(machine: Machine, book: str, epoch: int, **variables: Any) -> Play:
    """A playbook for one machine."""
    return Play(book, (machine,), epoch, {machine.name: variables}, {})


def _delivery(*machines: Machine, epoch: int, **wished: Any) -> Play:
    """Everything that the machines should hold."""
    names = [machine.name for machine in machines]
    secrets = {"host_secret_files": SECRET_FILES}
    variables = dict.fromkeys(names, _variables(**wished))
    return Play("deliver.yml", machines, epoch, variables, dict.fromkeys(names, secrets))


@dataclass
class Fleet:
    """Two machines, the doors to them, and what was said."""

    lab: Lab
    machines: tuple[Machine, Machine]
    key_file: Path
    hosts: SshHosts
    said: list[str] = field(default_factory=list)

    def ansible(self, owner: str = OWNER) -> RunnerAnsible:
        return RunnerAnsible(owner, self.key_file.read_text, PLAYBOOKS, self.said.append, limit=240)

    def play(self, play: Play, owner: str = OWNER) -> list[int]:
        """The number of changes on each machine."""
        changed = self.ansible(owner).play(play).changed
        return [changed[machine.name] for machine in play.machines]

    def shell(self, machine: Machine, command: str) -> str:
        """The output of a command, by OpenSSH: the adapter does not prove itself."""
        known = f"{machine.address} {machine.host_key}\n"
        pinned = self.key_file.with_name(f"known-{machine.name}")
        pinned.write_text(known)
        argv = ["ssh", "-F", "none", "-i", str(self.key_file), "-o", f"UserKnownHostsFile={pinned}"]
        done = subprocess.run(
            [*argv, "-o", "BatchMode=yes", f"root@{machine.address}", command],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.stdout

    def state(self, machine: Machine) -> HostState:
        found = self.hosts.observe(machine)
        assert found is not None
        return found


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    key = tmp_path_factory.mktemp("key") / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key], check=True)
    lab = Lab(f"play-{os.getpid()}")
    hosts = SshHosts(OWNER, key.read_text)
    try:
        lab.up()
        specs = [
            MachineSpec(
                name=f"{OWNER}-{number}-1",
                hostname=f"{OWNER}-{number}",
                memory_mb=2048,
                disk_gb=100,
                authorized_key=key.with_suffix(".pub").read_text(),
            )
            for number in (1, 2)
        ]
        first, second = (
            Machine(made.name, number, 1, str(made.address), made.zone, made.host_key)
            for number, made in enumerate(lab.create_machines(specs), 1)
        )
        yield Fleet(lab, (first, second), key, hosts)
    finally:
        hosts.close()
        lab.destroy()


@pytest.fixture(scope="module")
def first(fleet: Fleet) -> Machine:
    return fleet.machines[0]


@pytest.fixture(scope="module")
def second(fleet: Fleet) -> Machine:
    return fleet.machines[1]


# Everything a host is, but its logs, what is gone after a boot, and backups made by userdel.
SKIPPED = ("/proc/*", "/run/*", "/tmp/*", "/sys/*", "/dev/*", "/var/log/*", "/etc/sub?id-")
INVENTORY = (
    f"find / -xdev {' '.join(f'-not -path {shlex.quote(path)}' for path in SKIPPED)} | sort; "
    "sort /etc/passwd /etc/group /etc/shadow; nft list ruleset; blkid --probe /dev/vdb; "
    "systemctl list-unit-files --no-legend; systemctl list-units --no-legend --failed; ls /run"
)


@pytest.fixture(scope="module")
def untouched(fleet: Fleet, first: Machine) -> str:
    return fleet.shell(first, INVENTORY)


def _wait_until(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"within {seconds} s: {what}"
        time.sleep(0.05)


def _refusal(act: Callable[[], object]) -> str:
    with pytest.raises(EffectFailed) as refused:
        act()
    return str(refused.value)


# Before anything is there.


def test_a_fresh_host_tells_its_facts(fleet: Fleet, first: Machine) -> None:
    facts = fleet.hosts.facts(first)
    assert (facts.system, facts.owner, facts.foreign_kafka) == ("debian 12", None, False)
    assert facts.java.startswith("17.")
    assert (facts.disk_gb, facts.listening, facts.foreign_drops) == (100, (22,), ())
    assert 400 < facts.memory_mb <= 2048
    assert facts.resolves_itself
    assert facts.clock_offset_seconds == 0


def test_a_preview_on_a_fresh_host_tells_all_and_changes_nothing(
    fleet: Fleet, first: Machine, untouched: str
) -> None:
    assert fleet.ansible().preview(_delivery(first, epoch=1)).changed == {first.name: 3}
    assert f"{first.name}: {RULES} differs" in fleet.said
    assert fleet.shell(first, INVENTORY) == untouched


# Delivery.


def test_a_delivery_brings_everything_and_the_same_again_changes_nothing(
    fleet: Fleet, first: Machine, second: Machine
) -> None:
    assert fleet.play(_delivery(first, second, epoch=1)) == [3, 3]
    assert fleet.play(_delivery(first, second, epoch=1)) == [0, 0]
    state = fleet.state(first)
    assert (state.owner, state.epoch) == (OWNER, 1)
    assert (state.zookeeper, state.kafka) == (UnitState.ACTIVE, UnitState.INACTIVE)
    assert 90e9 < state.disk_total_bytes < 110e9
    assert 0 < state.disk_used_bytes < 10e9
    texts = {str(file["path"]): file["content"].encode() for file in _variables()["host_files"]}
    secrets = {
        SECRET_FILES[0]["path"]: SECRET.encode(),
        SECRET_FILES[1]["path"]: b"\x00\x01\x02\xff",
    }
    wished = {**texts, **secrets}
    assert state.digests == {
        path: hashlib.sha256(content).hexdigest() for path, content in wished.items()
    }


def test_secrets_are_for_their_user_alone(fleet: Fleet, first: Machine) -> None:
    modes = fleet.shell(
        first, "cd /etc/kafka-fleet; stat -c '%a %U %n' private private/* applied.json"
    )
    assert modes.splitlines() == [
        "700 kafka private",
        "400 kafka private/store.p12",
        "400 kafka private/word",
        "600 root applied.json",
    ]
    assert SECRET not in "".join(fleet.said)
    assert fleet.shell(first, "journalctl | grep -c seeded-Secret").strip() == "0"


def test_drift_is_put_right_and_a_new_rule_is_loaded_and_nothing_restarts(
    fleet: Fleet, first: Machine
) -> None:
    started = "systemctl show -p ExecMainStartTimestamp --timestamp=us zookeeper.service"
    start, before = fleet.shell(first, started), fleet.state(first).digests
    assert "tcp dport 9092 drop" in fleet.shell(first, "nft list ruleset")
    fleet.shell(first, "echo drift >>/etc/kafka-fleet/zoo.cfg; rm /etc/kafka-fleet/private/word")
    drifted = fleet.state(first).digests
    assert set(before) - set(drifted) == {"/etc/kafka-fleet/private/word"}
    assert drifted["/etc/kafka-fleet/zoo.cfg"] != before["/etc/kafka-fleet/zoo.cfg"]
    assert fleet.play(_delivery(first, epoch=2, port=9093)) == [3]
    assert {**fleet.state(first).digests, RULES: before[RULES]} == before
    rules = fleet.shell(first, "nft list ruleset")
    assert "tcp dport 9093 drop" in rules
    assert "9092" not in rules
    assert fleet.shell(first, started) == start


def test_an_older_operation_and_another_instance_are_refused(fleet: Fleet, first: Machine) -> None:
    before = fleet.state(first)
    older = _refusal(lambda: fleet.play(_delivery(first, epoch=1)))
    assert "the host was changed by operation 2; operation 1 is older" in older
    for book in ("stop_broker.yml", "clean_host.yml"):
        play = _on(first, book, 3)
        foreign = _refusal(partial(fleet.play, play, owner="zz99zz99"))
        assert (
            "the host carries the marker of instance ab12cd34; "
            "operation 3 of instance zz99zz99 may not change it"
        ) in foreign
    # What a host uses of its memory is another number at each look.
    assert replace(fleet.state(first), memory_used_mb=0) == replace(before, memory_used_mb=0)


# Brokers.


def _start(machine: Machine, epoch: int, generation: int) -> Play:
    return _on(machine, "start_broker.yml", epoch, host_start_generation=generation)


def test_a_broker_starts_once_and_its_generation_is_noted(fleet: Fleet, first: Machine) -> None:
    assert fleet.play(_start(first, 3, generation=1)) == [1]
    state = fleet.state(first)
    assert (state.kafka, state.started_generation) == (UnitState.ACTIVE, 1)
    assert state.kafka_started is not None
    assert abs(state.kafka_started - time.time()) < 30
    assert fleet.play(_start(first, 4, generation=2)) == [0]
    again = fleet.state(first)
    assert (again.started_generation, again.kafka_started) == (1, state.kafka_started)


def test_a_machine_that_boots_has_disk_firewall_and_units_again(
    fleet: Fleet, first: Machine
) -> None:
    fleet.lab.crash(first.name)
    assert fleet.hosts.observe(first) is None
    assert not fleet.hosts.reachable(first)
    fleet.lab.start(first.name)
    _wait_until(lambda: fleet.hosts.reachable(first), "the machine answers again")
    _wait_until(lambda: fleet.state(first).kafka is UnitState.ACTIVE, "the broker runs again")
    assert fleet.state(first).disk_total_bytes > 90e9
    assert "tcp dport 9093 drop" in fleet.shell(first, "nft list ruleset")


def test_a_broker_stops_and_one_that_does_not_is_not_killed(fleet: Fleet, first: Machine) -> None:
    stop = _on(first, "stop_broker.yml", 5)
    assert fleet.play(stop) == [1]
    assert fleet.state(first).kafka is UnitState.INACTIVE
    fleet.play(_delivery(first, epoch=5, kafka=STUBBORN, port=9093))
    fleet.play(_start(first, 5, generation=2))
    for _ in range(2):
        sentence = _refusal(lambda: fleet.play(stop))
        found = re.search(
            r"kafka\.service was asked to stop and did not: process (\d+) still runs", sentence
        )
        assert found is not None
        assert fleet.shell(first, f"ps -o user= -p {found[1]}").strip() == "kafka"


def test_a_disk_grows_while_its_file_system_is_in_use(fleet: Fleet, first: Machine) -> None:
    grow = _on(first, "grow_disk.yml", 5)
    assert fleet.play(grow) == [0]
    before = fleet.state(first)
    fleet.lab.grow_disk(first.name, 200)
    fleet.ansible().preview(grow)
    assert fleet.state(first).disk_total_bytes == before.disk_total_bytes
    assert fleet.play(grow) == [1]
    after = fleet.state(first)
    assert after.disk_total_bytes > 198 << 30
    assert after.kafka_started == before.kafka_started
    assert fleet.play(grow) == [0]


# What Ansible would be too slow for.


@pytest.fixture(scope="module")
def tarball(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dist") / "kafka-2.7.2-0123456789abcdef.tar"
    with tarfile.open(path, "w") as tar:
        for name in ("libs/a.jar", "libs/b.jar"):
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = 1 << 20, 0o644
            tar.addfile(entry, BytesIO(os.urandom(1 << 20)))
    return path


def test_a_distribution_is_unpacked_once(fleet: Fleet, first: Machine, tarball: Path) -> None:
    fleet.hosts.unpack(first, "kafka-2.7.2", tarball, 5)
    seen = "cd /opt/kafka; find . -type f -printf '%P %i %U %m\\n' | sort"
    before = fleet.shell(first, seen)
    assert re.findall(r"^\S+", before, re.M) == [
        "kafka-2.7.2/.complete",
        "kafka-2.7.2/libs/a.jar",
        "kafka-2.7.2/libs/b.jar",
    ]
    assert set(re.findall(r" 0 (\d+)$", before, re.M)) == {"644"}
    assert fleet.state(first).distributions == ("kafka-2.7.2",)
    fleet.hosts.unpack(first, "kafka-2.7.2", tarball, 5)
    assert fleet.shell(first, seen) == before
    renamed = tarball.with_name("kafka-2.7.2-fedcba9876543210.tar")
    renamed.write_bytes(tarball.read_bytes())
    fleet.hosts.unpack(first, "kafka-2.7.2", renamed, 5)
    assert fleet.shell(first, "cat /opt/kafka/kafka-2.7.2/.complete; ls -A /opt/kafka") == (
        f"{renamed.name}kafka-2.7.2\n"
    )


def test_a_distribution_is_complete_or_not_there(
    fleet: Fleet, first: Machine, tarball: Path, tmp_path: Path
) -> None:
    broken = tmp_path / "zookeeper-3.8.6-0123456789abcdef.tar"
    broken.write_bytes(tarball.read_bytes()[: 3 << 19])
    sentence = _refusal(lambda: fleet.hosts.unpack(first, "zookeeper-3.8.6", broken, 5))
    assert f"{first.name}: zookeeper-3.8.6 could not be unpacked: " in sentence
    assert fleet.state(first).distributions == ("kafka-2.7.2",)
    older = _refusal(lambda: fleet.hosts.unpack(first, "zookeeper-3.8.6", tarball, 4))
    assert "the host was changed by operation 5; operation 4 is older" in older


def test_who_is_not_the_pinned_machine_is_not_talked_to(
    fleet: Fleet, first: Machine, second: Machine, tmp_path: Path
) -> None:
    impostor = replace(first, host_key=second.host_key)
    for question in (fleet.hosts.observe, fleet.hosts.reachable, fleet.hosts.facts):
        sentence = _refusal(partial(question, impostor))
        assert "another host key than the pinned one is shown there" in sentence
    stranger = tmp_path / "id"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
    with SshHosts(OWNER, stranger.read_text) as hosts:
        sentence = _refusal(lambda: hosts.observe(first))
    assert "the SSH key is not accepted for root" in sentence


@contextmanager
def _within(seconds: float) -> Iterator[None]:
    """Ends what waits longer."""

    def late(*_: object) -> None:
        raise TimeoutError(f"not within {seconds} s")

    before = signal.signal(signal.SIGALRM, late)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_logs_come_as_they_are_written_and_their_reader_ends(fleet: Fleet, first: Machine) -> None:
    speak = "systemd-run --unit=hello --collect --quiet sh -c 'echo said {}; sleep 0.2'"
    reading = "pgrep -fc '^journalctl.*--follow'"
    lines = fleet.hosts.logs(first, "hello.service", "1 hour ago", follow=True)
    with _within(20):
        for word in ("one", "two"):
            fleet.shell(first, speak.format(word))
            assert next(line for line in lines if "said" in line and "sh[" in line).endswith(word)
            _wait_until(
                lambda: "hello" not in fleet.shell(first, "systemctl list-units 'hello*'"),
                "the unit has ended",
            )
    assert fleet.shell(first, reading).strip() == "1"
    lines.close()
    _wait_until(lambda: fleet.shell(first, reading).strip() == "0", "the reader has ended")
    past = list(fleet.hosts.logs(first, "hello.service", "1 hour ago", follow=False))
    assert [line[-3:] for line in past if "sh[" in line] == ["one", "two"]


def test_a_user_with_sudo_is_enough(fleet: Fleet, first: Machine) -> None:
    fleet.shell(
        first,
        "useradd --create-home ops; echo 'ops ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/ops; "
        "cp -r /root/.ssh /home/ops; chown -R ops /home/ops/.ssh",
    )
    by_ops = replace(first, user="ops")
    assert fleet.play(_delivery(by_ops, epoch=5, kafka=STUBBORN, port=9093)) == [0]
    seen = fleet.hosts.observe(by_ops)
    assert seen is not None
    # The memory in use is another one at every look.
    assert replace(seen, memory_used_mb=0) == replace(fleet.state(first), memory_used_mb=0)
    # Connections are kept open, and who is logged in is not deleted.
    fleet.shell(
        first,
        "pkill -KILL -u ops; while pgrep -u ops; do sleep 0.1; done; "
        "userdel --remove ops; rm /etc/sudoers.d/ops",
    )


# The end.


def test_a_cleaned_host_is_as_it_was(fleet: Fleet, first: Machine, untouched: str) -> None:
    assert fleet.play(_on(first, "clean_host.yml", 6)) == [2]
    assert set(fleet.shell(first, INVENTORY).splitlines()) ^ set(untouched.splitlines()) == set()
    left = replace(fleet.state(first), memory_used_mb=0, default_gateway="")
    assert left == HostState(disk_mounted=False)
    assert fleet.play(_on(first, "clean_host.yml", 6)) == [0]


def test_a_disk_that_is_not_blank_is_refused(fleet: Fleet, first: Machine) -> None:
    fleet.shell(first, "mkswap /dev/vdb")
    sentence = _refusal(lambda: fleet.play(_delivery(first, epoch=1)))
    assert (
        "data device /dev/vdb: it holds swap that is not ours; only a blank disk is accepted"
    ) in sentence
    assert "TYPE=" in fleet.shell(first, "blkid --probe /dev/vdb")
