"""What `fleet ls`, `show` and `history` answer, as data and as people see it."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from flows.adapters.processes import LinuxProcesses
from flows.adapters.records.observed import Disk, Observed
from flows.adapters.records.picture import picture
from flows.adapters.records.sql import SqlRecords
from flows.domain.errors import Refused
from flows.domain.instance import Status
from flows.domain.operations import OperationStatus, Run
from flows.queries.history import failed_creations, history
from flows.queries.instances import instances
from flows.queries.render import history_table, instance_page, instances_table
from flows.queries.show import show
from tests.adapters.record_samples import (
    NOON,
    instance,
    machine,
    new_database,
    operation,
    records_in,
)

GB = 1024**3
SEEN = Observed(
    at=NOON,
    faults=(),
    controller=2,
    topics=4,
    partitions=24,
    disks={broker: Disk(100 * GB, broker * GB) for broker in (1, 2, 3)},
    certificates={
        "client authority": datetime(2036, 5, 4, tzinfo=UTC),
        "broker 1 PRIVATE": datetime(2027, 5, 4, tzinfo=UTC),
    },
)


@pytest.fixture
def records(tmp_path: Path) -> SqlRecords:
    return records_in(new_database(tmp_path))


@pytest.fixture
def demo(records: SqlRecords) -> SqlRecords:
    """Records with one running instance that was seen."""
    records.add(instance("k7m2p9qa", "demo"))
    for broker in (1, 2, 3):
        records.keep_machine("k7m2p9qa", machine("k7m2p9qa", broker))
    records.set_status("k7m2p9qa", Status.RUNNING)
    records.set_observed("k7m2p9qa", SEEN.stored())
    return records


@pytest.fixture
def here() -> Run:
    return LinuxProcesses().here("run-1", "http://127.0.0.1:4210/runs/1")


def printed(answer: RenderableType, width: int = 160) -> str:
    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(answer)
    return captured.get()


def test_the_list_has_every_living_instance_by_name(demo: SqlRecords) -> None:
    demo.add(instance("aaaa1111", "archive", brokers=5, storage_per_broker=200, tags=()))
    demo.add(instance("bbbb2222", "gone"))
    demo.set_status("bbbb2222", Status.DELETED)
    first, second = instances(demo)
    assert first == {
        "name": "archive",
        "id": "aaaa1111",
        "status": "Creating",
        "reason": "",
        "version": "2.7",
        "flavor": "kafka.2u4g.cluster",
        "brokers": 5,
        "storage_gb": 1000,
        "tags": {},
        "created": "2026-05-04T12:00:00+00:00",
    }
    assert (second["name"], second["status"]) == ("demo", "Running")
    assert second["tags"] == {"team": "billing", "stage": "test"}


def test_show_keeps_its_promise_to_scripts(demo: SqlRecords) -> None:
    answer = json.loads(json.dumps(show(demo, "demo")))
    assert {key: answer[key] for key in ("name", "id", "status", "version", "flavor")} == {
        "name": "demo",
        "id": "k7m2p9qa",
        "status": "Running",
        "version": "2.7",
        "flavor": "kafka.2u4g.cluster",
    }
    assert [
        {key: broker[key] for key in ("id", "address", "zone")} for broker in answer["brokers"]
    ] == [
        {"id": 1, "address": "198.18.0.11", "zone": "az1"},
        {"id": 2, "address": "198.18.0.12", "zone": "az2"},
        {"id": 3, "address": "198.18.0.13", "zone": "az3"},
    ]
    assert answer["bootstrap"] == {
        "private": "198.18.0.11:9093,198.18.0.12:9093,198.18.0.13:9093",
        "public": None,
        "cross_network": None,
    }
    assert answer["sasl_mechanisms"] == ["SCRAM-SHA-512"]


def test_show_tells_what_was_seen(demo: SqlRecords) -> None:
    answer = show(demo, "k7m2p9qa")
    assert [broker["roles"] for broker in answer["brokers"]] == [
        ["broker", "zookeeper"],
        ["broker", "controller", "zookeeper"],
        ["broker", "zookeeper"],
    ]
    assert answer["brokers"][1]["storage"] == {
        "total_bytes": 100 * GB,
        "used_bytes": 2 * GB,
        "available_bytes": 98 * GB,
    }
    assert answer["storage"] == {
        "total_bytes": 300 * GB,
        "used_bytes": 6 * GB,
        "available_bytes": 294 * GB,
    }
    assert (answer["topics"], answer["partitions"], answer["partition_limit"]) == (4, 24, 750)
    assert answer["zones"] == ["az1", "az2", "az3"]
    assert [certificate["name"] for certificate in answer["certificates"]] == [
        "broker 1 PRIVATE",
        "client authority",
    ]
    assert answer["observed"] == "2026-05-04T12:00:00+00:00"


def test_show_lists_every_address_of_clients_and_whether_it_is_open(demo: SqlRecords) -> None:
    assert show(demo, "demo")["brokers"][0]["connections"] == [
        {
            "listener": "PRIVATE",
            "address": "198.18.0.11:9093",
            "protocol": "SASL_SSL",
            "open": True,
        },
        {
            "listener": "CROSS",
            "address": "198.18.0.11:9011",
            "protocol": "SASL_SSL",
            "open": False,
        },
    ]


def test_show_says_what_nobody_enforces(demo: SqlRecords) -> None:
    answer = show(demo, "demo")
    assert answer["notes"] == {
        "disk_type": "recorded, not enforced by the lab",
        "capacity_policy": "recorded, not yet enforced",
        "manager_user": "recorded, not yet enforced",
        "manager_password": "recorded, not yet enforced",
    }
    assert answer["parameters"] == {
        "name": "demo",
        "version": "2.7",
        "flavor": "kafka.2u4g.cluster",
        "brokers": 3,
        "storage_per_broker": 100,
        "disk_type": "ultra",
        "disk_encryption": False,
        "capacity_policy": "delete-oldest",
        "availability_zones": 3,
        "provider": "lab",
        "network": "lan",
        "subnet": "lan-1",
        "security_group": "default",
        "public_access": [],
        "sasl_ssl": True,
        "sasl_plain": False,
        "first_user": "alice",
        "users": ["alice"],
        "mutual_tls": False,
        "manager_user": None,
        "auto_create_topics": False,
        "tags": {"team": "billing", "stage": "test"},
        "description": "",
        "enterprise_project": "",
        "delete_protection": False,
        "renew_automatically": False,
    }


def test_show_of_an_instance_without_machines_has_no_addresses(records: SqlRecords) -> None:
    records.add(instance("k7m2p9qa", "demo", sasl_ssl=False, first_user=None))
    answer = show(records, "demo")
    assert answer["bootstrap"] == {"private": None, "public": None, "cross_network": None}
    assert dict(answer["brokers"][0]) == {
        "id": 1,
        "address": None,
        "zone": None,
        "machine": None,
        "roles": ["broker", "zookeeper"],
        "connections": [],
        "storage": None,
    }
    assert answer["sasl_mechanisms"] == []
    assert answer["storage"] is None
    assert answer["certificates"] == []
    assert answer["observed"] is None


def test_a_sum_over_some_disks_is_not_shown(demo: SqlRecords) -> None:
    demo.set_observed("k7m2p9qa", replace(SEEN, disks={1: Disk(100 * GB, GB)}).stored())
    answer = show(demo, "demo")
    assert answer["storage"] is None
    assert answer["brokers"][0]["storage"] is not None


def test_show_names_what_there_is(demo: SqlRecords) -> None:
    with pytest.raises(Refused) as unknown:
        show(demo, "dmeo")
    assert str(unknown.value) == (
        'instance "dmeo": there is none of this name or id; there are: demo'
    )
    demo.set_status("k7m2p9qa", Status.DELETED)
    with pytest.raises(Refused) as deleted:
        show(demo, "demo")
    assert str(deleted.value) == 'instance "demo": it is deleted; see `fleet history demo`'
    with pytest.raises(Refused, match="there are: none yet"):
        show(demo, "other")


def test_the_picture_has_the_youngest_machine_of_each_broker() -> None:
    machines = [machine("k7m2p9qa", 2, 3), machine("k7m2p9qa", 1), machine("k7m2p9qa", 2, 2)]
    drawn = picture(instance("k7m2p9qa", "demo", brokers=4), machines)
    found = [broker.machine.name if broker.machine else None for broker in drawn.brokers]
    assert found == ["k7m2p9qa-1-1", "k7m2p9qa-2-3", None, None]
    assert [broker.id for broker in drawn.brokers] == [1, 2, 3, 4]
    assert drawn.brokers[1].address == "198.18.0.12"
    assert not any(broker.registered for broker in drawn.brokers)
    assert (drawn.name, drawn.organization) == ("demo", "k7m2p9qa-k3x9")


def test_what_was_seen_is_read_as_it_was_stored() -> None:
    assert Observed.read(json.loads(json.dumps(SEEN.stored()))) == SEEN
    assert Observed.read({}) == Observed()
    assert Observed.read(Observed().stored()) == Observed()


def test_history_has_every_outcome(records: SqlRecords, here: Run) -> None:
    records.note(
        replace(
            operation(None, "abc", here),
            status=OperationStatus.REFUSED,
            finished=NOON,
            reason='name "abc": it has 3 characters, 4 to 64 are accepted',
        )
    )
    failed = records.open(operation("aaaa1111", "demo", here))
    records.close(failed.epoch, OperationStatus.FAILED, "not enough memory", {})
    running = records.open(operation("bbbb2222", "demo", here))
    newest, middle, oldest = history(records)
    assert [line["status"] for line in (newest, middle, oldest)] == ["running", "failed", "refused"]
    assert newest == {
        "number": running.epoch,
        "operation": "create-instance",
        "instance": "demo",
        "instance_id": "bbbb2222",
        "status": "running",
        "asked_by": "bob",
        "door": "cli",
        "started": "2026-05-04T12:00:00+00:00",
        "finished": None,
        "run": "http://127.0.0.1:4210/runs/1",
        "reason": "",
    }
    assert oldest["instance_id"] is None
    assert history(records, "abc") == (oldest,)
    assert history(records, "demo") == (newest, middle)
    assert failed_creations(records) == (middle,)
    assert middle["reason"] == "not enough memory"


def test_a_run_without_a_page_is_named_by_its_id(records: SqlRecords, here: Run) -> None:
    records.open(operation("aaaa1111", "demo", replace(here, link="")))
    assert history(records)[0]["run"] == "run-1"


def test_the_history_of_nobody_is_refused(demo: SqlRecords) -> None:
    assert history(demo, "demo") == ()
    with pytest.raises(Refused) as unknown:
        history(demo, "dmeo")
    assert str(unknown.value) == (
        'instance "dmeo": no operation ever named it; `fleet ls` lists all'
    )


def test_people_see_the_list_with_its_reasons(demo: SqlRecords) -> None:
    demo.set_status("k7m2p9qa", Status.FAULTY, "broker 2 does not answer [ssh]")
    seen = printed(instances_table(instances(demo)))
    header, line, reason = seen.splitlines()
    assert header.split() == [
        "name", "id", "status", "version", "flavor", "brokers", "storage", "created",
    ]  # fmt: skip
    assert line.split()[:3] == ["demo", "k7m2p9qa", "Faulty"]
    assert "300 GB" in line
    assert "2026-05-04 12:00:00 UTC" in line
    assert reason.strip() == "broker 2 does not answer [ssh]"


def test_people_see_what_to_do_when_there_is_nothing(records: SqlRecords) -> None:
    assert "fleet run create-instance name=..." in printed(instances_table(instances(records)))
    assert printed(history_table(history(records))).strip() == "Nothing was asked for yet."


def test_people_see_everything_of_an_instance(demo: SqlRecords) -> None:
    seen = printed(instance_page(show(demo, "demo")))
    for text in (
        "demo (k7m2p9qa)",
        "198.18.0.11:9093,198.18.0.12:9093,198.18.0.13:9093",
        "broker, controller, zookeeper",
        "2.0 of 100.0 GB used",
        "6.0 of 300.0 GB used",
        "24, at most 750",
        "ultra (recorded, not enforced by the lab)",
        "delete-oldest (recorded, not yet enforced)",
        "- (recorded, not yet enforced)",
        "team=billing, stage=test",
        "broker 1 PRIVATE  2027-05-04 00:00:00 UTC",
    ):
        assert text in seen
    assert "None" not in seen


def test_people_see_an_instance_that_nobody_looked_at(records: SqlRecords) -> None:
    records.add(instance("k7m2p9qa", "demo", sasl_ssl=False, first_user=None))
    seen = printed(instance_page(show(records, "demo")))
    assert "none (SASL_SSL is off)" in seen
    assert "Nobody has looked at the certificates yet." in seen
    assert "None" not in seen


def test_people_see_how_long_an_operation_took(records: SqlRecords, here: Run) -> None:
    ended = replace(
        operation(None, "demo", here),
        status=OperationStatus.REFUSED,
        finished=NOON + timedelta(seconds=41.6),
        reason="brokers 2: [3 to 30]",
    )
    records.note(ended)
    records.open(operation("aaaa1111", "demo", here, verb="delete-instance"))
    seen = printed(history_table(history(records)), width=220)
    _, running, refused = seen.splitlines()
    assert " 42 " in refused
    assert "brokers 2: [3 to 30]" in refused
    assert "bob (cli)" in refused
    assert " - " in running
    assert "delete-instance" in running
