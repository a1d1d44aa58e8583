"""The floor: the same instance made by hand over SSH, as fast as its parts allow.

The same machines, tarballs, files, JVM flags and order as the product's: ZooKeeper first, then
permissions and users at its quorum, then the brokers. What is computed is computed by the same
functions, and ZooKeeper and Kafka are asked through the same adapters. What is missing is
everything between: requests, runs, checks, Ansible.
"""

from __future__ import annotations

import io
import tarfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from benchmarks.creating.phases import BOOT
from benchmarks.creating.shell import Shell, shell
from benchmarks.creating.spans import Span, Stopwatch
from benchmarks.creating.surroundings import tarball_names
from flows.adapters.secrets.kept import SSH_KEY
from flows.adapters.site import Doors, InstanceRow, Site
from flows.adapters.stage import PlainStage
from flows.domain import paths
from flows.domain.cluster import PROBE_TOPIC
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.host_files import HostFile, host_files, host_units
from flows.domain.instance import Broker, Instance, Machine, Status
from flows.domain.operations import Caller, Door, OperationStatus
from flows.domain.product_topics import probe_topic
from flows.doors.controlplane.home import prepare_home
from flows.doors.wiring import open_doors, upgrade_records
from flows.instances.admission import new_or_same
from flows.instances.create_instance import create_instance
from flows.procedures.opening import open_site
from flows.procedures.remembering import start_row
from flows.settings import Settings
from flows.steps.certificates import issue_certificates
from flows.steps.delivery import host_secrets
from flows.steps.ensemble import write_permissions_and_users
from flows.steps.hosts import on_each
from flows.steps.machines import machines_reachable, make_machines, remove_machines
from flows.steps.observation import remembered
from flows.steps.waiting import wait_for

LIMIT_SECONDS = 120.0
POLL_SECONDS = 0.05

_UNPACK = "mkdir -p {home} && tar --extract --no-same-owner --file=- --directory={home}"

_PREPARE = """set -e
useradd --system --user-group --no-create-home --shell /usr/sbin/nologin {user}
mkfs.xfs -q {device}
mkdir -p {data}
mount -o noatime {device} {data}
tar --extract --preserve-permissions --file=- --directory=/
systemctl daemon-reload
systemctl --quiet enable {units}
systemctl start {started}
"""


@dataclass(frozen=True)
class Hands:
    """One instance that is made by hand: its site, its machines' shell, its watch."""

    site: Site
    instance: Instance
    shell: Shell
    watch: Stopwatch


def prepare(settings: Settings) -> None:
    """The floor's home can keep secrets and records, and the tarballs are built."""
    prepare_home(settings)
    upgrade_records(settings)
    doors = open_doors(settings, lambda line: None)
    for name in tarball_names():
        doors.distributions.tarball(name)


def measure(settings: Settings, wish: Mapping[str, Any]) -> tuple[Span, ...]:
    """The spans of one creation by hand, the machines' boot first; nothing of it is left."""
    watch = Stopwatch()
    with _machines(settings, wish, watch) as (site, instance):
        machines = _machines_of(instance)
        with shell(machines, site.secrets.get(site.instance_id, SSH_KEY) or "") as opened:
            _create(Hands(site, instance, opened, watch))
    return tuple(watch.spans)


def _create(hands: Hands) -> None:
    timing, site, instance = hands.watch.timing, hands.site, hands.instance
    ids = tuple(broker.id for broker in instance.brokers)
    with timing("certificates and files"):
        files = _files(site, instance)
    with timing("tarballs unpacked"):
        _unpack(hands)
    with timing("user, disk, files, units"):
        on_each(lambda broker: _prepare(hands, broker, files[broker.id]), instance.brokers)
    with timing("ZooKeeper's quorum"):
        _wait("ZooKeeper serves", lambda: site.zookeeper.serving(instance) == ids)
    with timing("permissions and users"):
        write_permissions_and_users(site, instance)
    with timing("brokers started"):
        start = f"systemctl start {paths.KAFKA_UNIT}"
        on_each(lambda machine: hands.shell.run(machine, start), _machines_of(instance))
    with timing("brokers registered"):
        _wait("brokers registered", lambda: tuple(site.zookeeper.registrations(instance)) == ids)
    with timing("metadata complete"):
        _wait("metadata complete", lambda: site.kafka.cluster(instance).brokers == ids)
    _first_ack(hands, ids)


def _files(site: Site, instance: Instance) -> dict[int, tuple[HostFile, ...]]:
    issue_certificates(site, instance)
    return {
        broker.id: host_files(instance, broker, host_secrets(site, instance, broker))
        for broker in instance.brokers
    }


def _unpack(hands: Hands) -> None:
    tarballs = {name: hands.site.distributions.tarball(name) for name in tarball_names()}

    def unpack(machine: Machine) -> None:
        for name, tarball in tarballs.items():
            command = _UNPACK.format(home=f"{paths.DISTRIBUTIONS}/{name}")
            with tarball.open("rb") as source:
                hands.shell.run(machine, command, source)

    on_each(unpack, _machines_of(hands.instance))


def _prepare(hands: Hands, broker: Broker, files: Sequence[HostFile]) -> None:
    assert broker.machine is not None
    script = _PREPARE.format(
        user=paths.USER,
        device=broker.machine.data_device,
        data=paths.DATA,
        units=" ".join(host_units(broker)),
        started=f"{paths.FIREWALL_UNIT} {paths.ZOOKEEPER_UNIT}",
    )
    hands.shell.send(broker.machine, script, _packed(files))


def _packed(files: Sequence[HostFile]) -> bytes:
    """All files of a host as one tar, with the directories that have an owner of their own."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in (paths.DATA, paths.TOPICS, paths.ZOOKEEPER_DATA, paths.PRIVATE):
            entry = _entry(path, paths.USER, 0o700)
            entry.type = tarfile.DIRTYPE
            tar.addfile(entry)
        for file in files:
            content = file.content if isinstance(file.content, bytes) else file.content.encode()
            entry = _entry(file.path, file.owner, int(file.mode, 8))
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def _entry(path: str, owner: str, mode: int) -> tarfile.TarInfo:
    entry = tarfile.TarInfo(path.removeprefix("/"))
    entry.uname = entry.gname = owner
    entry.mode, entry.mtime = mode, int(time.time())
    return entry


def _first_ack(hands: Hands, brokers: tuple[int, ...]) -> None:
    """The last span ends when the first acks=all message was acknowledged, not when it is read."""
    kafka, instance, began = hands.site.kafka, hands.instance, time.time()
    kafka.create_topic(instance, probe_topic(brokers))
    called = time.time()
    trip = kafka.round_trip(instance, PROBE_TOPIC, 1)
    ended = called + trip.seconds_to_first_ack
    hands.watch.spans.append(Span("probe topic and first ack", began, ended))


@contextmanager
def _machines(
    settings: Settings, wish: Mapping[str, Any], watch: Stopwatch
) -> Iterator[tuple[Site, Instance]]:
    """Three blank machines that answer SSH, and the doors to what becomes of them."""
    doors = open_doors(settings, lambda line: None)
    row = new_or_same(doors, create_instance.request.read(wish)).row
    site = _held(doors, row, wish)
    instance = remembered(site, row)
    try:
        with watch.timing(BOOT):
            instance = make_machines(site, instance)
            wait_for(site, machines_reachable(instance))
        yield site, instance
    finally:
        remove_machines(site, instance)
        site.secrets.forget(row.id)
        site.records.set_status(row.id, Status.DELETED)
        site.records.close(site.epoch, OperationStatus.SUCCESSFUL, "", {})


def _held(doors: Doors, row: InstanceRow, wish: Mapping[str, Any]) -> Site:
    """The site of a new instance in the floor's own records, so that steps can be used."""
    doors.records.add(row)
    caller = Caller("benchmark", Door.PYTHON, doors.processes.here("benchmark", ""))
    asked = start_row(create_instance.name, row, wish, caller, doors.clock.now())
    epoch = doors.records.open(asked).epoch
    return open_site(doors, row, epoch, caller, PlainStage())


def _machines_of(instance: Instance) -> tuple[Machine, ...]:
    return tuple(broker.machine for broker in instance.brokers if broker.machine)


def _wait(words: str, condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT_SECONDS
    while not _true(condition):
        if time.monotonic() > deadline:
            raise GateTimeout(f"waited {LIMIT_SECONDS:.0f} s until {words}, in vain")
        time.sleep(POLL_SECONDS)


def _true(condition: Callable[[], bool]) -> bool:
    try:
        return condition()
    except EffectFailed:
        return False  # what does not answer yet is what we wait for
