"""One ZooKeeper node and one broker on a loopback address, configured as on a host of an instance.

What the processes read is what `flows.domain.host_files` computes; only paths are moved below a
temporary directory, and what needs three brokers is lowered to one. Both processes end with the
fixture, and with this process when it is killed.
"""

from __future__ import annotations

import os
import secrets
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import distributions
from certs.authority import Authority, new_authority
from certs.leaf import Leaf, LeafRequest, issue
from certs.stores import broker_keystore, broker_truststore
from flows.adapters.kafka import ConfluentKafka, Credentials
from flows.adapters.zookeeper import KazooZooKeeper
from flows.domain import paths
from flows.domain.cluster import ZNode
from flows.domain.errors import EffectFailed
from flows.domain.host_files import HostFile, host_files
from flows.domain.host_secrets import HostSecrets, ListenerStores, Store
from flows.domain.instance import Broker, Instance, Status
from flows.domain.jvm import jvm, kafka_flags, zookeeper_flags
from flows.domain.listeners import ListenerName
from flows.domain.names import PROBE_USER
from flows.domain.permissions import permission_nodes, user_node, user_parents
from flows.domain.scram import scram_value
from flows.domain.versions import VERSIONS, ZOOKEEPER_DISTRIBUTION, VersionName
from flows.domain.wish import CapacityPolicy, DiskType, Wish

INSTANCE_ID = "loopback"
START_SECONDS = 120.0
CONTROL_ADDRESS = "127.0.0.1"

# A cluster of one broker, with a second client listener that asks for no login.
_ONE_BROKER = """
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
log.cleaner.threads=1
queued.max.requests=50
"""


@dataclass(frozen=True)
class Loopback:
    """The running instance and the adapters to it.

    `instance` is reached by SASL_SSL; `open_instance` is the same one as a client sees it through
    a PLAINTEXT listener.
    """

    instance: Instance
    open_instance: Instance
    credentials: Credentials
    zookeeper_password: str
    zookeeper: KazooZooKeeper
    kafka: ConfluentKafka
    written_before_start: int


@dataclass(frozen=True)
class _Secrets:
    host: HostSecrets
    credentials: Credentials


def an_instance(address: str, *, sasl_ssl: bool, version: str = VersionName.V2_7) -> Instance:
    """An instance of one broker on this address."""
    wish = Wish(
        name="on-loopback",
        version=version,
        flavor="kafka.2u4g.cluster",
        brokers=1,
        storage_per_broker=100,
        disk_type=DiskType.ULTRA,
        disk_encryption=False,
        capacity_policy=CapacityPolicy.DELETE_OLDEST,
        availability_zones=1,
        provider="lab",
        network="",
        subnet="",
        security_group="",
        sasl_ssl=sasl_ssl,
        sasl_plain=False,
        first_user=None,
        manager_user=None,
        auto_create_topics=False,
    )
    return Instance(
        id=INSTANCE_ID,
        organization=f"{INSTANCE_ID}-{secrets.token_hex(4)}",
        wish=wish,
        status=Status.RUNNING,
        brokers=(Broker(id=1, zone="zone-1", address=address),),
        control_address=CONTROL_ADDRESS,
    )


@contextmanager
def kafka_on_loopback(version: str = VersionName.V2_7) -> Iterator[Loopback]:
    """The instance runs; afterwards nothing of it is left."""
    address = free_address()
    instance = an_instance(address, sasl_ssl=True, version=version)
    made = _make_secrets(instance)
    with ExitStack() as stack:
        root = Path(stack.enter_context(TemporaryDirectory(prefix="kafka-on-loopback-")))
        _write_files(root, instance, made.host)
        loopback = _loopback(instance, made)
        ensemble = stack.enter_context(_zookeeper(root, instance))
        _wait(ensemble, "serves", lambda: loopback.zookeeper.serving(instance) == (1,))
        written = loopback.zookeeper.write(instance, _nodes_before_start(instance, made))
        broker = stack.enter_context(_broker(root, instance))
        # A broker is registered long before it serves, and may still die of what it reads.
        _wait(broker, "serves", lambda: _knows_itself(loopback))
        yield replace(loopback, written_before_start=written)


def _knows_itself(loopback: Loopback) -> bool:
    try:
        return loopback.kafka.cluster(loopback.instance).brokers == (1,)
    except EffectFailed:
        return False


def _loopback(instance: Instance, made: _Secrets) -> Loopback:
    password = made.host.zookeeper_password
    zookeeper = KazooZooKeeper(lambda _: ("kafka", password))
    return Loopback(
        instance=instance,
        open_instance=replace(instance, wish=instance.wish.model_copy(update={"sasl_ssl": False})),
        credentials=made.credentials,
        zookeeper_password=password,
        zookeeper=zookeeper,
        kafka=ConfluentKafka(lambda _: made.credentials, zookeeper),
        written_before_start=0,
    )


def _nodes_before_start(instance: Instance, made: _Secrets) -> list[ZNode]:
    password = str(made.credentials.probe_password)
    probe = user_node(PROBE_USER, scram_value(password, os.urandom(16), iterations=4096))
    return [*user_parents(), probe, *permission_nodes(instance)]


def free_address() -> str:
    """A loopback address of our own: the ports of an instance are the same for everybody."""
    for _ in range(50):
        address = f"127.77.{secrets.randbelow(255)}.{secrets.randbelow(253) + 1}"
        with socket.socket() as probe:
            try:
                probe.bind((address, 2181))
            except OSError:
                continue
            return address
    raise RuntimeError("no free loopback address in 50 tries")


def _make_secrets(instance: Instance) -> _Secrets:
    now = datetime.now(UTC)
    internal = new_authority("internal", instance.organization, 1, now)
    clients = new_authority("clients", instance.organization, 1, now)
    leaf = partial(_leaf, instance, now)
    control = leaf(internal, "control", server=False)
    internal_stores = _stores("internal", leaf(internal, "broker", server=True), internal)
    clients_stores = _stores("clients", leaf(clients, "broker", server=True), None)
    host = HostSecrets(
        stores={
            ListenerName.INTERNAL: internal_stores,
            ListenerName.CONTROL: internal_stores,
            ListenerName.PRIVATE: clients_stores,
            ListenerName.CROSS: clients_stores,
        },
        zookeeper_password=secrets.token_hex(16),
        zookeeper_super_password=secrets.token_hex(16),
        zookeeper_peer_password=secrets.token_hex(16),
        encoder_secret=secrets.token_hex(16),
    )
    return _Secrets(host, _credentials(control, internal, clients))


def _credentials(control: Leaf, internal: Authority, clients: Authority) -> Credentials:
    return Credentials(
        control_certificate_pem=control.certificate_pem.decode(),
        control_key_pem=control.key_pem.decode(),
        internal_ca_pem=internal.certificate_pem.decode(),
        clients_ca_pem=clients.certificate_pem.decode(),
        probe_user=PROBE_USER,
        probe_password=secrets.token_hex(16),
    )


def _leaf(
    instance: Instance, now: datetime, authority: Authority, name: str, *, server: bool
) -> Leaf:
    addresses = (str(instance.brokers[0].address),) if server else ()
    wish = LeafRequest(name, instance.organization, addresses, (), server=server, client=True)
    return issue(authority, wish, now, days=2)


def _stores(name: str, leaf: Leaf, trusted: Authority | None) -> ListenerStores:
    password = secrets.token_hex(16)
    keystore = Store(f"{name}.keystore.p12", broker_keystore(leaf, password), password)
    if trusted is None:
        return ListenerStores(keystore)
    content = broker_truststore([trusted.certificate_pem], password)
    return ListenerStores(keystore, Store(f"{name}.truststore.p12", content, password))


def _write_files(root: Path, instance: Instance, host: HostSecrets) -> None:
    broker = instance.brokers[0]
    for file in host_files(instance, broker, host):
        _write(root, file)
    _moved(root, paths.TOPICS).mkdir(parents=True)
    properties = _moved(root, paths.SERVER_PROPERTIES)
    properties.write_text(_with_open_listener(properties.read_text(), str(broker.address)))


def _write(root: Path, file: HostFile) -> None:
    target = _moved(root, file.path)
    target.parent.mkdir(parents=True, exist_ok=True)
    content = file.content
    if isinstance(content, str):
        for place in (paths.CONFIG, paths.DATA):
            content = content.replace(place, str(_moved(root, place)))
        content = content.encode()
    target.write_bytes(content)


def _moved(root: Path, path: str) -> Path:
    return root / path.removeprefix("/")


def _with_open_listener(properties: str, address: str) -> str:
    """The same broker, with a PLAINTEXT listener on 9092 beside those that it has."""
    added = {
        "listeners=": f",OPEN://{address}:9092",
        "advertised.listeners=": f",OPEN://{address}:9092",
        "listener.security.protocol.map=": ",OPEN:PLAINTEXT",
    }
    lines = [
        line + "".join(more for key, more in added.items() if line.startswith(key))
        for line in properties.splitlines()
    ]
    return "\n".join(lines) + _ONE_BROKER


def _zookeeper(root: Path, instance: Instance) -> AbstractContextManager[_Program]:
    flags = (
        *zookeeper_flags(jvm(instance.wish.provider, instance.wish.flavor_row.memory_gb)),
        f"-Djava.security.auth.login.config={_moved(root, paths.ZOOKEEPER_JAAS)}",
        f"-Dlogback.configurationFile={_moved(root, paths.ZOOKEEPER_LOGGING)}",
    )
    main = ("org.apache.zookeeper.server.quorum.QuorumPeerMain", _moved(root, paths.ZOO_CFG))
    return _java(root, ZOOKEEPER_DISTRIBUTION, flags, main)


def _broker(root: Path, instance: Instance) -> AbstractContextManager[_Program]:
    flags = (
        *kafka_flags(jvm(instance.wish.provider, instance.wish.flavor_row.memory_gb)),
        f"-Djava.security.auth.login.config={_moved(root, paths.KAFKA_JAAS)}",
        f"-Dlog4j.configuration=file:{_moved(root, paths.KAFKA_LOGGING)}",
        f"-Dkafkafleet.revoked.serials={_moved(root, paths.REVOKED_SERIALS)}",
        f"-Dkafkafleet.sessions={_moved(root, paths.SESSIONS)}",
    )
    main = ("kafka.Kafka", _moved(root, paths.SERVER_PROPERTIES))
    return _java(root, VERSIONS[instance.wish.version].distribution, flags, main)


@dataclass(frozen=True)
class _Program:
    name: str
    process: subprocess.Popen[bytes]
    log: Path


@contextmanager
def _java(
    root: Path, distribution: str, flags: tuple[str, ...], main: tuple[str, Path]
) -> Iterator[_Program]:
    """The program runs, and dies with this process however that ends."""
    home, log = root / distribution, root / f"{distribution}.log"
    _unpack(distribution, home)
    command = ["setpriv", "--pdeathsig", "KILL", "java", *flags, "-cp", f"{home}/libs/*"]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *map(str, main)], stdout=output, stderr=subprocess.STDOUT, cwd=root
        )
    try:
        yield _Program(distribution, process, log)
    finally:
        process.kill()
        process.wait()


def _unpack(distribution: str, home: Path) -> None:
    tarball = distributions.tarball(distribution, distributions.DEFAULT_CACHE, lambda _: None)
    home.mkdir()
    subprocess.run(["tar", "-xf", str(tarball), "-C", str(home)], check=True)


def _wait(program: _Program, what: str, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not holds():
        if program.process.poll() is not None or time.monotonic() > deadline:
            told = program.log.read_text()[-4000:]
            raise RuntimeError(f"{program.name} ended or took too long until it {what}:\n{told}")
        time.sleep(0.1)
