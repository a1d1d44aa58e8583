"""The ZooKeeper ensemble of one instance, through the login that the product and brokers share.

Whoever owns a node is told by its access control list, exactly as a broker with
`zookeeper.set.acl=true` would write it: all rights for the login, and reading for anybody when
the node is public.
"""

from __future__ import annotations

import json
import logging
import re
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from kazoo.client import KazooClient
from kazoo.exceptions import (
    AuthFailedError,
    BadVersionError,
    ConnectionClosedError,
    ConnectionLoss,
    KazooException,
    NodeExistsError,
    NoNodeError,
    SessionClosedRequireSaslError,
)
from kazoo.handlers.threading import KazooTimeoutError, SequentialThreadingHandler
from kazoo.security import ACL, Id

from flows.domain.cluster import ClusterState, Partition, Raised, ZNode
from flows.domain.errors import EffectFailed
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import ZOOKEEPER_CLIENT_PORT
from flows.domain.raising import RAISED_PATH, read_raised

LIMIT_SECONDS = 15.0
"""The longest that a session may take to begin, and any one answer to come."""

_SESSION_SECONDS = 6.0
_STATUS_SECONDS = 2.0
_PAUSE_SECONDS = 0.05
_ASK_TRIES, _MERGE_TRIES = 3, 10
_Place = tuple[str, int, tuple[int, ...]]
"""Topic, number and replicas of a partition."""
_LEADING = ("leader", "standalone")
_ALL_RIGHTS, _READ = 31, 1
_OWN = (ACL(_ALL_RIGHTS, Id("sasl", "kafka")),)
_PUBLIC = (*_OWN, ACL(_READ, Id("world", "anyone")))

# kazoo's own log is for whoever debugs and adds a handler: what matters of it ends in a sentence.
# Below this level it holds the content of every request, users' salted hashes among them.
_kazoo_log = logging.getLogger(f"{__name__}.kazoo")
_kazoo_log.setLevel(logging.INFO)
_kazoo_log.propagate = False
_kazoo_log.addHandler(logging.NullHandler())


class KazooZooKeeper:
    """Implements `ZooKeeper` with kazoo; each call is a session of its own that ends with it,
    unless `staying_connected` was asked for.

    `login` tells user and password (SASL DIGEST-MD5) of an instance; the user is `kafka`, who
    owns all nodes. Whatever ZooKeeper does not do in time, or refuses, is an EffectFailed.
    """

    def __init__(
        self, login: Callable[[Instance], tuple[str, str]], limit_seconds: float = LIMIT_SECONDS
    ) -> None:
        self._login = login
        self._limit = limit_seconds
        self._kept: dict[str, _Kept] = {}

    @contextmanager
    def staying_connected(self, instance: Instance) -> Iterator[None]:
        """All calls inside share one session, which is made anew where its connection is lost.

        Nothing is asked for that: it begins with the first call.
        """
        if instance.id in self._kept:
            yield
            return
        self._kept[instance.id] = kept = _Kept()
        try:
            yield
        finally:
            del self._kept[instance.id]
            kept.close()

    def serving(self, instance: Instance) -> tuple[int, ...]:
        """The broker ids whose ZooKeeper node answers `srvr` as a member of a quorum.

        Takes at most 4 s; a node that does not answer, or listens but does not serve yet, is not
        among them. No login is needed.
        """
        return tuple(node for node, mode in _modes(instance).items() if mode is not None)

    def leader(self, instance: Instance) -> int | None:
        """The broker id of the node that calls itself leader, or the only one there is."""
        modes = _modes(instance).items()
        return next((node for node, mode in modes if mode in _LEADING), None)

    def write(self, instance: Instance, nodes: Sequence[ZNode]) -> int:
        """The nodes are there with this content and owner; returns how many had to be written.

        Only for nodes that the product owns as a whole, parents first: the content is replaced.
        What others write to as well, such as users with quotas, is for `merge_config`. JSON that
        says the same is left alone, however it is spelled.
        """
        with self._session(instance) as session:
            session.own("/", _PUBLIC)
            session.put(instance.chroot, b"", _PUBLIC)
            return sum(
                session.put(instance.chroot + node.path, node.data.encode(), _acl_of(node))
                for node in nodes
            )

    def merge_config(self, instance: Instance, path: str, values: Mapping[str, str]) -> bool:
        """The configuration node `path` holds these values beside those that it had.

        Returns whether it had to be written. Made for `/config/users/NAME`, where SCRAM values
        and quotas share a node: what somebody else writes meanwhile is kept.
        """
        with self._session(instance) as session:
            return session.merge(instance.chroot + path, values)

    def remove(self, instance: Instance, path: str) -> bool:
        """The node is gone, with all below it; True when it was there."""
        with self._session(instance) as session:
            return session.remove(instance.chroot + path)

    def announce(self, instance: Instance, change: str) -> None:
        """Brokers read the configuration of `change` again (`users/alice`).

        Before the first broker ever started there is none to tell: it reads all when it starts.
        """
        with self._session(instance) as session, suppress(NoNodeError):
            session.append(_changes(instance), _change(change), _PUBLIC)

    def configure(
        self, instance: Instance, settings: Mapping[str, Mapping[str, str | None]]
    ) -> None:
        """Entities (`topics/orders`) hold these values, and brokers were told; None removes one."""
        with self._session(instance) as session:
            for entity, values in settings.items():
                session.merge(f"{instance.chroot}/config/{entity}", values)
                session.append(_changes(instance), _change(entity), _PUBLIC)

    def place(self, instance: Instance, path: str, data: str) -> bool:
        """A node of this content is there; False when there was one, which is left as it is."""
        with self._session(instance) as session:
            return session.create(instance.chroot + path, data.encode(), _PUBLIC)

    def order(self, instance: Instance, path: str, data: str) -> None:
        """The controller took the order `path` with this content, and took its node away.

        There is one order of a kind at a time: one that is there already, from an earlier try or
        from somebody else, is waited for first. One that nobody takes in time is removed: it
        would be in the way of all later ones.
        """
        wanted = instance.chroot + path
        with self._session(instance) as session:
            if not _carried_out(session, wanted, data.encode(), self._limit):
                session.delete(wanted)
                reason = f"the controller did not take {path} within {self._limit:g} s"
                raise _failed(instance, reason)

    def registrations(self, instance: Instance) -> Mapping[int, int]:
        """Broker id -> generation (czxid) of its registration.

        A new generation means a new session, not always a new process; and a broker registers
        before it serves: it may still die of what it reads in ZooKeeper.
        """
        with self._session(instance) as session:
            return _registrations(session, instance.chroot)

    def controller(self, instance: Instance) -> int | None:
        """The broker id of the controller, or None when there is none just now."""
        with self._session(instance) as session:
            return _controller(session, instance.chroot)

    def state(self, instance: Instance) -> ClusterState:
        """Registrations, controller, partitions and moves, all read within one session."""
        with self._session(instance) as session:
            return cluster_state(session, instance.chroot)

    def told(self, instance: Instance) -> Mapping[int, Mapping[str, str]]:
        """Broker -> listener -> `host:port`, as the registrations say; no partition is read."""
        with self._session(instance) as session:
            return _told(session, f"{instance.chroot}/brokers/ids")

    def broker_configs(self, instance: Instance) -> Mapping[str, Mapping[str, str]]:
        """Broker -> what it was told at run time; no partition is read."""
        with self._session(instance) as session:
            return _configs(session, f"{instance.chroot}/config/brokers")

    def partitions(self, instance: Instance, wanted: Iterable[Partition]) -> tuple[Partition, ...]:
        """These partitions as they are now, without those that are gone; replicas as known.

        Costs half a millisecond for each of them, as `state` does for each that there is.
        """
        places = [(part.topic, part.number, part.replicas) for part in wanted]
        with self._session(instance) as session:
            return _partitions(session, instance.chroot, places)

    @contextmanager
    def _session(self, instance: Instance) -> Iterator[_Session]:
        kept = self._kept.get(instance.id)
        with _as_effect(instance, self._limit):
            if kept is not None:
                yield _Session(kept.client(lambda: self._started(instance)), self._limit)
            else:
                with self._started(instance) as client:
                    yield _Session(client, self._limit)

    @contextmanager
    def _started(self, instance: Instance) -> Iterator[KazooClient]:
        nodes = self.serving(instance)
        if not nodes:
            raise EffectFailed(f"ZooKeeper of {instance.name}: no node of the ensemble serves")
        # Only nodes that serve: kazoo would wait a whole session for each one that does not.
        hosts = ",".join(f"{broker.address}:{ZOOKEEPER_CLIENT_PORT}"
                         for broker in instance.ensemble if broker.id in nodes)  # fmt: skip
        user, password = self._login(instance)
        client = KazooClient(
            hosts=hosts,
            timeout=_SESSION_SECONDS,
            sasl_options={"mechanism": "DIGEST-MD5", "username": user, "password": password},
            handler=_CalmHandler(),
            logger=_kazoo_log,
        )
        try:
            # Not start(): it reports a refused login, which ends the session, as a time-out.
            if not client.start_async().wait(self._limit):
                raise KazooTimeoutError()
            yield client
        finally:
            client.stop()
            client.close()


class _Kept:
    """A session that outlives a call; any thread may ask for it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._client: KazooClient | None = None
        self._end = ExitStack()

    def client(self, start: Callable[[], AbstractContextManager[KazooClient]]) -> KazooClient:
        """The session as it is, or another one where it has lost its connection.

        kazoo would connect anew by itself, but also to nodes that do not serve any more.
        """
        with self._lock:
            if self._client is None or not self._client.connected:
                self.close()
                self._client = self._end.enter_context(start())
            return self._client

    def close(self) -> None:
        """The session has ended."""
        self._client = None
        self._end.close()


@dataclass(frozen=True)
class _Content:
    data: bytes
    version: int


class _Session:
    """The few questions that are asked of ZooKeeper, each answered in time or failed."""

    def __init__(self, client: KazooClient, limit: float) -> None:
        self._client = client
        self._limit = limit

    def get(self, path: str) -> _Content | None:
        try:
            data, stat = self._ask(self._client.get_async, path)
        except NoNodeError:
            return None
        return _Content(data or b"", stat.version)

    def get_all(self, paths: Sequence[str]) -> list[bytes | None]:
        """The content of each node, asked for all at once; None where there is none."""
        asked = [self._client.get_async(path) for path in paths]
        return [self._content(path, answer) for path, answer in zip(paths, asked, strict=True)]

    def _content(self, path: str, asked: Any) -> bytes | None:
        try:
            return asked.get(timeout=self._limit)[0] or b""
        except NoNodeError:
            return None
        except ConnectionLoss:
            found = self.get(path)
            return found.data if found else None

    def children(self, path: str) -> list[str]:
        try:
            return list(self._ask(self._client.get_children_async, path))
        except NoNodeError:
            return []

    def created(self, path: str) -> int | None:
        """The czxid of a node, or None when there is none."""
        stat = self._ask(self._client.exists_async, path)
        return None if stat is None else int(stat.czxid)

    def exists(self, path: str) -> bool:
        return self.created(path) is not None

    def delete(self, path: str) -> None:
        with suppress(NoNodeError):
            self._ask(self._client.delete_async, path)

    def append(self, path: str, data: bytes, acl: Sequence[ACL]) -> None:
        self._ask(self._client.create_async, path, data, acl=list(acl), sequence=True)

    def put(self, path: str, data: bytes, acl: Sequence[ACL]) -> bool:
        """The node has this content and this owner; True when one of them had to be written."""
        node = self.get(path)
        if node is None and self.create(path, data, acl):
            return True
        changed = node is None or not _same(node.data, data)
        if changed:
            self._ask(self._client.set_async, path, data)
        return self.own(path, acl) or changed

    def own(self, path: str, acl: Sequence[ACL]) -> bool:
        """The node has this access control list; True when it had to be written."""
        present, _ = self._ask(self._client.get_acls_async, path)
        if set(present) == set(acl):
            return False
        self._ask(self._client.set_acls_async, path, list(acl))
        return True

    def remove(self, path: str) -> bool:
        for child in self.children(path):
            self.remove(f"{path}/{child}")
        try:
            self._ask(self._client.delete_async, path)
        except NoNodeError:
            return False
        return True

    def merge(self, path: str, values: Mapping[str, str | None]) -> bool:
        for _ in range(_MERGE_TRIES):
            node = self.get(path)
            present = _config_of(node)
            merged = {**present, **values}
            wished = {key: value for key, value in merged.items() if value is not None}
            if wished == present:
                return False
            if self._replace(path, node, wished):
                return True
        raise EffectFailed(
            f"ZooKeeper node {path}: others changed it {_MERGE_TRIES} times meanwhile"
        )

    def _replace(self, path: str, node: _Content | None, config: Mapping[str, str]) -> bool:
        """False when somebody else was faster."""
        data = json.dumps({"version": 1, "config": config}).encode()
        if node is None:
            return self.create(path, data, _OWN)
        try:
            self._ask(self._client.set_async, path, data, version=node.version)
        except BadVersionError:
            return False
        return True

    def create(self, path: str, data: bytes, acl: Sequence[ACL]) -> bool:
        """False when it is there already."""
        try:
            self._ask(self._client.create_async, path, data, acl=list(acl))
        except NodeExistsError:
            return False
        return True

    def _ask(self, question: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
        """The answer; asked again when the connection broke, since all questions can be repeated.

        kazoo connects anew by itself, and a question waits until it has.
        """
        for _ in range(_ASK_TRIES - 1):
            with suppress(ConnectionLoss):
                return question(*arguments, **options).get(timeout=self._limit)
        return question(*arguments, **options).get(timeout=self._limit)


def _carried_out(session: _Session, path: str, order: bytes, limit: float) -> bool:
    placed, deadline = False, time.monotonic() + limit
    while time.monotonic() < deadline:
        placed = placed or session.create(path, order, _PUBLIC)
        if placed and not session.exists(path):
            return True
        time.sleep(_PAUSE_SECONDS)
    return False


def _registrations(session: _Session, chroot: str) -> dict[int, int]:
    parent = f"{chroot}/brokers/ids"
    found = {int(name): session.created(f"{parent}/{name}") for name in session.children(parent)}
    return {broker: czxid for broker, czxid in sorted(found.items()) if czxid is not None}


def _controller(session: _Session, chroot: str) -> int | None:
    node = session.get(f"{chroot}/controller")
    return None if node is None else int(json.loads(node.data)["brokerid"])


def cluster_state(session: _Session, chroot: str) -> ClusterState:
    """What brokers and controller have written there.

    A topic that is being made or deleted meanwhile is left out.
    """
    topics = sorted(session.children(f"{chroot}/brokers/topics"))
    placed = dict(zip(topics, _documents(session, chroot, topics), strict=True))
    places = [
        (topic, int(number), tuple(replicas))
        for topic, document in placed.items()
        for number, replicas in document.get("partitions", {}).items()
    ]
    return ClusterState(
        registrations=_registrations(session, chroot),
        controller=_controller(session, chroot),
        partitions=_partitions(session, chroot, places),
        reassigning=_reassigning(session, chroot, placed),
        topic_configs=_configs(session, f"{chroot}/config/topics"),
        broker_configs=_configs(session, f"{chroot}/config/brokers"),
        raised=_raised(session, chroot),
        told=_told(session, f"{chroot}/brokers/ids"),
    )


def _told(session: _Session, parent: str) -> dict[int, dict[str, str]]:
    """Broker -> listener -> `host:port` as its registration says it."""
    numbers = sorted(map(int, session.children(parent)))
    contents = session.get_all([f"{parent}/{number}" for number in numbers])
    endpoints = {
        number: json.loads(content).get("endpoints", ())
        for number, content in zip(numbers, contents, strict=True)
        if content
    }
    return {
        number: dict(each.split("://", 1) for each in found) for number, found in endpoints.items()
    }


def _raised(session: _Session, chroot: str) -> tuple[Raised, ...]:
    node = session.get(chroot + RAISED_PATH)
    return read_raised(node.data.decode()) if node else ()


def _configs(session: _Session, parent: str) -> dict[str, dict[str, str]]:
    names = sorted(session.children(parent))
    contents = session.get_all([f"{parent}/{name}" for name in names])
    documents = {
        name: json.loads(content or b"{}") for name, content in zip(names, contents, strict=True)
    }
    return {name: dict(document.get("config", {})) for name, document in documents.items()}


def _documents(
    session: _Session, chroot: str, topics: Sequence[str]
) -> Iterator[Mapping[str, Any]]:
    for content in session.get_all([f"{chroot}/brokers/topics/{topic}" for topic in topics]):
        yield json.loads(content) if content else {}


def _partitions(session: _Session, chroot: str, places: Sequence[_Place]) -> tuple[Partition, ...]:
    paths = [f"{chroot}/brokers/topics/{t}/partitions/{n}/state" for t, n, _ in places]
    states = session.get_all(paths)
    return tuple(
        _partition(place, json.loads(state))
        for place, state in sorted(zip(places, states, strict=True))
        if state
    )


def _partition(place: _Place, state: Mapping[str, Any]) -> Partition:
    topic, number, replicas = place
    leader = int(state["leader"])
    return Partition(topic, number, None if leader < 0 else leader, replicas, tuple(state["isr"]))


def _reassigning(
    session: _Session, chroot: str, placed: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    """Moves are noted beside their topic from 2.4 on, and in one node for all before."""
    node = session.get(f"{chroot}/admin/reassign_partitions")
    older = json.loads(node.data).get("partitions", []) if node and node.data else []
    newer = [
        f"{topic}-{number}"
        for topic, document in placed.items()
        for kind in ("adding_replicas", "removing_replicas")
        for number, moved in document.get(kind, {}).items()
        if moved
    ]
    return tuple(sorted({*newer, *(f"{one['topic']}-{one['partition']}" for one in older)}))


class _CalmHandler(SequentialThreadingHandler):  # type: ignore[misc]  # kazoo has no types
    """kazoo's threads, but one whose login is refused ends without a traceback on standard error.

    The end of its session tells everybody who waits for it.
    """

    def spawn(self, function: Callable[..., None], *arguments: Any, **options: Any) -> Any:
        def calm() -> None:
            with suppress(KazooException):
                function(*arguments, **options)

        return super().spawn(calm)


@contextmanager
def _as_effect(instance: Instance, limit: float) -> Iterator[None]:
    """Whatever goes wrong inside is an EffectFailed with one sentence."""
    try:
        yield
    except KazooTimeoutError:
        raise _failed(instance, f"no answer within {limit:g} s") from None
    except (AuthFailedError, ConnectionClosedError, SessionClosedRequireSaslError):
        raise _failed(instance, "it refused the product's login and closed the session") from None
    except NoNodeError:
        raise _failed(instance, "a parent of a node that was to be written is missing") from None
    except KazooException as error:
        raise _failed(instance, f"it failed with {type(error).__name__}") from error


def _failed(instance: Instance, reason: str) -> EffectFailed:
    return EffectFailed(f"ZooKeeper of {instance.name}: {reason}")


def _modes(instance: Instance) -> Mapping[int, str | None]:
    """Broker id -> what its node is in the quorum; None while it does not serve."""
    nodes = [broker for broker in instance.ensemble if broker.address is not None]
    with ThreadPoolExecutor(max_workers=max(len(nodes), 1)) as pool:
        return dict(zip([node.id for node in nodes], pool.map(_mode, nodes), strict=True))


def _mode(node: Broker) -> str | None:
    """`srvr` tells a mode only of a server that serves; a port is open long before."""
    try:
        found = re.search(rb"Mode: (\w+)", _status(str(node.address)))
    except OSError:
        return None
    return found[1].decode() if found else None


def _status(address: str) -> bytes:
    where = (address, ZOOKEEPER_CLIENT_PORT)
    with closing(socket.create_connection(where, timeout=_STATUS_SECONDS)) as connection:
        connection.sendall(b"srvr")
        return b"".join(iter(lambda: connection.recv(4096), b""))


def _same(present: bytes, wished: bytes) -> bool:
    try:
        return present == wished or bool(json.loads(present) == json.loads(wished))
    except ValueError:
        return False


def _changes(instance: Instance) -> str:
    return f"{instance.chroot}/config/changes/config_change_"


def _change(entity: str) -> bytes:
    return json.dumps({"version": 2, "entity_path": entity}).encode()


def _config_of(node: _Content | None) -> dict[str, str]:
    document = json.loads(node.data) if node and node.data else {}
    return dict(document.get("config", {}))


def _acl_of(node: ZNode) -> Sequence[ACL]:
    return _PUBLIC if node.public else _OWN
