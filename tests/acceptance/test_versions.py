"""Kafka 1.1.0 and 2.3.0: created, used by clients old and new, closed to them, rolled, deleted."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from flows.domain.errors import EffectFailed
from flows.domain.flavors import FLAVORS
from flows.domain.instance import Broker
from flows.domain.versions import ListenerLimit
from flows.monitoring.check_health import sweep
from flows.steps.connections import tell_limits
from tests.acceptance.certified import cut_among_brokers, internal_certificates, trusting
from tests.acceptance.parts import (
    PASSWORD,
    Secured,
    assert_served,
    client,
    java,
    logins,
    unpack_jars,
)
from tests.acceptance.plane import Plane, wait_until
from tests.acceptance.test_connection_limits import FEW, crowded_out
from tests.acceptance.test_permissions import REFUSED
from tests.acceptance.under_load import (
    assert_nothing_lost,
    changed,
    load,
    spread_topic,
    started,
)
from tests.acceptance.ways import at, endpoint_addresses, lab_eips

pytestmark = pytest.mark.slow

UNKNOWN = "_UNSUPPORTED_FEATURE"
NO_SCRAM_REQUEST = {"change a user": UNKNOWN}
NO_INCREMENTAL_REQUEST = {"alter a broker": UNKNOWN, "alter a topic": UNKNOWN}
ROLL = ("at_risk=accept", "stall_budget=60")
"""Clients have made topics with one replica."""
WRONG_PASSWORD = "Authentication failed"


@dataclass(frozen=True)
class Older(Secured):
    """An instance of an older version."""

    version: str
    unknown: dict[str, str]

    @property
    def limits(self) -> bool:
        """Whether its listeners can be limited."""
        return self.instance.wish.release.listener_limit is not ListenerLimit.NONE

    @property
    def lan(self) -> str:
        """A client's place in its network."""
        return str(self.plane.lab.client("lan").netns)


@pytest.fixture(
    scope="module",
    params=[("1.1.0", NO_SCRAM_REQUEST | NO_INCREMENTAL_REQUEST), ("2.3.0", NO_SCRAM_REQUEST)],
    ids=["1.1.0", "2.3.0"],
)
def older(
    request: pytest.FixtureRequest, plane: Plane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Older]:
    """The instance; afterwards it is deleted."""
    version, unknown = request.param
    directory = tmp_path_factory.mktemp("older")
    password = directory / "password"
    password.write_text(PASSWORD + "\n")
    made = Older(plane, directory, f"older-{version[0]}", version, unknown)
    plane.succeeds(
        "run",
        "create-instance",
        f"name={made.name}",
        f"version={version}",
        "sasl_ssl=true",
        "sasl_plain=true",
        "first_user=alice",
        f"first_user_password=@{password}",
    )
    yield made
    if plane.doors.records.find(made.name):
        plane.succeeds("run", "delete-instance", f"instance={made.name}", f"confirm={made.name}")


def test_show_names_the_version_and_what_it_does_not_enforce(older: Older) -> None:
    shown = older.plane.json("show", older.name)
    assert (shown["version"], shown["status"]) == (older.version, "Running")
    words = {"1.1.0": "is not enforced: Kafka 1.1.0 has no", "2.3.0": "2.3.0 forgets the first"}
    assert words[older.version] in shown["connections"]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_confluent_kafka_produces_and_consumes(older: Older, mechanism: str) -> None:
    settings = older.settings() | {"sasl.mechanism": mechanism}
    assert_served(older.lan, settings, f"by-{mechanism.lower()}")


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-512", "PLAIN"])
def test_a_wrong_password_is_refused(older: Older, mechanism: str) -> None:
    settings = older.settings(password="Wrong-Words-42") | {"sasl.mechanism": mechanism}
    assert WRONG_PASSWORD in client(older.lan, verb="log_in", settings=settings)


def test_its_own_console_tools_work_with_the_bundle(older: Older, scratch: Path) -> None:
    libs, addresses = unpack_jars(older, scratch), older.settings()["bootstrap.servers"]
    settings = older.settings()
    assert client(older.lan, verb="create_topic", settings=settings, topic="console") == "ok"
    java(
        older, older.lan, libs, "kafka.tools.ConsoleProducer",
        "--broker-list", addresses, "--topic", "console", "--request-required-acks", "all",
        "--producer.config", "java/producer.properties", text="one\ntwo\nthree\n",
    )  # fmt: skip
    read = java(
        older, older.lan, libs, "kafka.tools.ConsoleConsumer",
        "--bootstrap-server", addresses, "--topic", "console", "--from-beginning",
        "--max-messages", "3", "--timeout-ms", "30000",
        "--consumer.config", "console/client.properties",
    )  # fmt: skip
    assert sorted(line for line in read.splitlines() if line) == ["one", "three", "two"]


def test_an_ordinary_user_cannot_touch_the_cluster(older: Older) -> None:
    settings = older.settings()
    assert client(older.lan, verb="create_topic", settings=settings, topic="others") == "ok"
    client(older.lan, verb="produce_and_consume", settings=settings, topic="others", messages=9)
    sweep(older.plane.doors)
    tried = client(older.lan, verb="try_everything", settings=settings, others_topic="others")
    assert tried == REFUSED | older.unknown


def test_nobody_reaches_the_passwords_in_zookeeper(older: Older) -> None:
    """There is no request for them before 2.7; ZooKeeper would be the only way."""
    door = {"bootstrap.servers": f"{older.instance.brokers[0].address}:2181"}
    assert client(older.lan, verb="knock", settings=door, connections=1) == 0


def test_clients_of_other_networks_come_and_go_without_a_restart(older: Older) -> None:
    plane, before = older.plane, started(older.plane, older)
    eips, others = lab_eips(plane, 141, 142, 143), lab_eips(plane, 144, 145, 146)
    vpc, outside = plane.lab.client("vpc").netns, plane.lab.client("outside").netns
    topic = spread_topic(plane, older, "while-rewired")
    with (
        endpoint_addresses(plane, older.name, (41, 42, 43)) as endpoints,
        load(plane, older, topic) as told,
    ):
        assert not _comes_in(older, vpc, at(endpoints, 9011))
        assert not _comes_in(older, outside, at(eips, 9095))
        _ask(older, "set-endpoints", f"addresses={','.join(endpoints)}")
        _ask(older, "set-public-access", f"eips={','.join(eips)}")
        assert_served(vpc, older.settings_at(at(endpoints, 9011)), "by-vpc")
        assert_served(outside, older.settings_at(at(eips, 9095)), "by-outside")
        assert _limited_at_public(older) == ({1, 2, 3} if older.limits else set())

        _ask(older, "set-public-access", f"eips={','.join(others)}")
        assert logins(older, outside, at((*others, *eips), 9095)) == {"ok"}

        # The listener comes back in the same process, which knows both certificates' names.
        _ask(older, "set-public-access", "eips=none")
        assert not _comes_in(older, outside, at(others, 9095))
        _ask(older, "set-public-access", f"eips={','.join(eips)}")
        assert logins(older, outside, at(eips, 9095)) == {"ok"}

        _ask(older, "set-public-access", "eips=none")
        _ask(older, "set-endpoints", "addresses=none", "keep_old=0")
        assert not _comes_in(older, vpc, at(endpoints, 9011))
    assert_nothing_lost(told.answer)
    assert not changed(before, started(plane, older))


def test_after_a_reboot_leaders_and_limits_are_back(older: Older) -> None:
    broker = older.instance.brokers[0]
    assert _enforces(older, broker) is older.limits

    _reboot(older, broker)
    assert not crowded_out(older.plane, older), "it forgot, though it believes to be limited"
    sweep(older.plane.doors)
    wait_until(lambda: _leads_its_own(older, 1), "broker 1 leads what it should", 30)
    assert _enforces(older, broker) is older.limits


def test_certificates_are_swapped_live_for_clients_of_either_authority(
    older: Older, tmp_path: Path
) -> None:
    plane, before = older.plane, started(older.plane, older)
    topics = [spread_topic(plane, older, name) for name in ("trusts-old", "trusts-new")]
    old = trusting(older, tmp_path / "old", newest=False)
    replacing = ("replace-certificates", f"instance={older.name}")
    finishing = ("finish-certificate-overlap", f"instance={older.name}", "before_its_date=true")
    with ExitStack() as until_the_drop:
        of_old = until_the_drop.enter_context(load(plane, old, topics[0]))
        plane.ask(*replacing)
        plane.ask(*replacing, "scope=authority")
        new = trusting(older, tmp_path / "new", newest=True)
        with load(plane, new, topics[1]) as of_new:
            assert logins(old, older.lan) == {"ok"}, "also at new connections"
            plane.ask(*replacing)
            until_the_drop.close()
            plane.ask(*finishing)
    older.forget_bundle()
    assert_nothing_lost(of_old.answer)
    assert_nothing_lost(of_new.answer)
    assert None not in before.values()
    assert started(plane, older) == before, "no broker restarted"
    assert logins(new, older.lan) == {"ok"}
    refused = client(older.lan, verb="log_in", settings=old.settings())
    assert "certificate verify failed" in refused


@pytest.mark.parametrize(
    ("operation", "wish"),
    [
        ("restart-instance", ()),
        ("change-flavor", ("flavor=kafka.4u8g.cluster",)),
        ("change-flavor", ("flavor=kafka.2u4g.cluster",)),
    ],
    ids=["restart", "flavor-up", "flavor-down"],
)
def test_a_roll_loses_nothing(
    older: Older,
    operation: str,
    wish: tuple[str, ...],
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
) -> None:
    plane, before = older.plane, started(older.plane, older)
    topic = spread_topic(plane, older, f"rolled-{request.node.callspec.id}")
    with load(plane, older, topic) as told:
        plane.succeeds("run", operation, f"instance={older.name}", *wish, *ROLL)
    assert_nothing_lost(told.answer)
    assert changed(before, started(plane, older)) == {1, 2, 3}
    assert plane.json("show", older.name)["status"] == "Running"
    with capsys.disabled():
        print(f"\n{older.version} {operation}: worst acks=all gap {told.answer['worst_gap']} s")


def test_the_internal_authority_rotates(older: Older) -> None:
    """Live where brokers take another trust store; elsewhere each restarts in every phase."""
    plane, live = older.plane, older.instance.wish.release.rotates_live
    starts, before = started(plane, older), internal_certificates(older)
    with load(plane, older, spread_topic(plane, older, "rotated")) as told:
        plane.succeeds("run", "rotate-internal-authority", f"instance={older.name}", *ROLL)
        cut_among_brokers(older)
        assert_served(older.lan, older.settings(), "after-the-rotation")
    assert_nothing_lost(told.answer)
    assert changed(starts, started(plane, older)) == (set() if live else {1, 2, 3})
    after = internal_certificates(older)
    assert not {each.issuer for each in before.values()} & {each.issuer for each in after.values()}
    assert plane.doors.kafka.cluster(older.instance).brokers == (1, 2, 3)


def test_nothing_is_left_of_it(older: Older) -> None:
    machines = [machine.name for machine in older.plane.instance_machines(older.name)]
    number = older.instance.id
    assert len(machines) == 3
    older.plane.succeeds(
        "run", "delete-instance", f"instance={older.name}", f"confirm={older.name}"
    )
    assert older.name not in {line["name"] for line in older.plane.json("ls")}
    assert not [name for name in machines if older.plane.lab.show(name)]
    assert older.plane.doors.secrets.get(number, "first-user-password") is None


@pytest.mark.parametrize("version", ["1.1.0", "2.3.0"])
def test_without_sasl_it_is_open_for_messages_and_closed_for_the_rest(
    plane: Plane, version: str
) -> None:
    name, lan = f"open-{version[0]}", plane.lab.client("lan").netns
    plane.succeeds("run", "create-instance", f"name={name}", f"version={version}")
    settings = {"bootstrap.servers": plane.json("show", name)["bootstrap"]["private"]}
    assert client(lan, verb="create_topic", settings=settings, topic="open") == "ok"
    answer = client(lan, verb="produce_and_consume", settings=settings, topic="open", messages=9)
    assert answer == {"acknowledged": 9, "consumed": 9}
    tried = client(lan, verb="try_everything", settings=settings, others_topic="open")
    assert tried["replace a broker's settings"] == "CLUSTER_AUTHORIZATION_FAILED"
    assert tried["create an ACL"] == "CLUSTER_AUTHORIZATION_FAILED"
    plane.succeeds("run", "delete-instance", f"instance={name}", f"confirm={name}")


def _ask(older: Older, operation: str, *wish: str) -> str:
    """What the operation on the instance said."""
    return older.plane.ask(operation, f"instance={older.name}", *wish)


def _comes_in(older: Older, namespace: str, servers: str) -> bool:
    """Whether a client there is let in at one of these servers within seconds."""
    found = client(namespace, verb="log_in", settings=older.settings_at(servers))
    return bool(found == "ok")


def _limited_at_public(older: Older) -> set[int]:
    """The brokers whose public listener was told the flavor's limit."""
    configs = older.plane.doors.zookeeper.state(older.instance).broker_configs
    limit = str(older.instance.wish.flavor_row.connections)
    key = "listener.name.public.max.connections"
    return {each for each in (1, 2, 3) if configs.get(str(each), {}).get(key) == limit}


def _enforces(older: Older, broker: Broker) -> bool:
    """Whether a limit of few connections, told as the flavor's is, holds; then it is the usual."""
    kafka, instance = older.plane.doors.kafka, older.instance
    flavor = instance.wish.flavor_row
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(FLAVORS, flavor.name, replace(flavor, connections=FEW))
        tell_limits(kafka, instance, broker)
        found = crowded_out(older.plane, older)
    tell_limits(kafka, instance, broker)
    assert not crowded_out(older.plane, older)
    return found


def _reboot(older: Older, broker: Broker) -> None:
    """The machine of the broker was started anew, and the broker is in sync again."""
    assert broker.machine is not None
    older.plane.lab.reboot(broker.machine.name)
    wait_until(lambda: _in_sync(older, broker.id), "the broker is in sync again", 150)


def _leads_its_own(older: Older, broker: int) -> bool:
    partitions = older.plane.doors.kafka.cluster(older.instance).partitions
    own = [each for each in partitions if each.preferred_leader == broker]
    return bool(own) and all(each.leader == broker for each in own)


def _in_sync(older: Older, broker: int) -> bool:
    try:
        partitions = older.plane.doors.kafka.cluster(older.instance).partitions
    except EffectFailed:
        return False
    replicas = [each for each in partitions if broker in each.replicas]
    return bool(replicas) and all(broker in each.in_sync for each in replicas)
