"""`fleet ls` and `fleet history`, narrowed; quotas, sizes and failed creations as people see."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from rich.console import Console, RenderableType

from flows.adapters.clock import SystemClock
from flows.adapters.processes import LinuxProcesses
from flows.adapters.records.sql import SqlRecords
from flows.domain.errors import Refused
from flows.domain.instance import Status
from flows.domain.moments import Period, read_period
from flows.domain.operations import OperationStatus
from flows.domain.quotas import Amount
from flows.queries.filters import Filters
from flows.queries.history import failed_creations, history
from flows.queries.instances import instances
from flows.queries.quotas import quotas
from flows.queries.render import found_history_table, found_instances_table
from flows.queries.render_limits import failed_creations_table, quotas_table, size_page
from flows.queries.sizing import size
from tests.adapters.record_samples import NOON, instance, machine, new_database, operation


@pytest.fixture
def records(tmp_path: Path) -> SqlRecords:
    """Three instances, one of them on machines."""
    quotas = Amount(5, 20, 2000)
    made = SqlRecords(new_database(tmp_path), LinuxProcesses(), SystemClock(), quotas)
    made.add(instance("aaaa1111", "orders", tags=(("team", "search"), ("stage", "live"))))
    made.add(instance("aabb2222", "orders-test", tags=(("team", "search"),), sasl_ssl=False,
                      first_user=None))  # fmt: skip
    made.add(instance("cccc3333", "Archive", tags=()))
    made.set_status("aaaa1111", Status.RUNNING)
    made.set_status("cccc3333", Status.CHANGE_FAILED, "broker 2 did not stop")
    for broker in (1, 2, 3):
        made.keep_machine("aaaa1111", machine("aaaa1111", broker))
    return made


def printed(answer: RenderableType) -> str:
    console = Console(width=160, color_system=None)
    with console.capture() as captured:
        console.print(answer)
    return captured.get()


def names(records: SqlRecords, **filters: object) -> list[str]:
    return [line["name"] for line in instances(records, Filters(**filters))]  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({}, ["Archive", "orders", "orders-test"]),
        ({"name": "orders"}, ["orders", "orders-test"]),
        ({"name": "ARCH"}, ["Archive"]),
        ({"id": "aa"}, ["orders", "orders-test"]),
        ({"id": "aabb2222"}, ["orders-test"]),
        ({"status": "running"}, ["orders"]),
        ({"status": "change-failed"}, ["Archive"]),
        ({"status": "Deleting"}, []),
        ({"tags": ("team",)}, ["orders", "orders-test"]),
        ({"tags": ("team=search", "stage=live")}, ["orders"]),
        ({"tags": ("team=live",)}, []),
        ({"address": "198.18.0.12"}, ["orders"]),
        ({"address": "198.18.0.12:9093"}, ["orders"]),
        ({"address": "198.18.0.12:9011"}, ["orders"]),
        ({"address": "198.18.0.12:9092"}, []),
        ({"address": "198.18.0.1"}, []),
        ({"address": "broker.example.org"}, []),
        ({"name": "orders", "status": "creating"}, ["orders-test"]),
    ],
)
def test_all_filters_must_hold(
    records: SqlRecords, filters: dict[str, object], found: list[str]
) -> None:
    assert names(records, **filters) == found


@pytest.mark.parametrize(
    ("filters", "sentence"),
    [
        ({"name": "a b"}, 'name "a b": a part of a name has letters, digits, - and _ only'),
        ({"id": "AAAA"}, 'id "AAAA": 1 to 8 lower-case letters and digits are accepted'),
        ({"id": "a" * 9}, 'id "aaaaaaaaa": 1 to 8 lower-case letters and digits are accepted'),
        ({"status": "well"}, 'status "well": accepted are Creating, Running, Faulty, '),
        ({"tags": ("=x",)}, 'tag "": a key has 1 to 36 characters'),
        ({"tags": ("a=b=c",)}, 'tag "b=c": a value may not contain any of '),
        ({"tags": ("",)}, 'tag "": a key has 1 to 36 characters'),
        ({"address": "198.18.0"}, 'address "198.18.0": an IPv4 address or a host name is accepted'),
        ({"address": "198.18.0.256"}, 'address "198.18.0.256": an IPv4 address or a host name is '),
        ({"address": "198.18.0.1:0"}, 'address "198.18.0.1:0": an IPv4 address or a host name is '),
        ({"address": "host:"}, 'address "host:": an IPv4 address or a host name is accepted'),
        ({"address": "::1"}, 'address "::1": an IPv4 address or a host name is accepted, with or '),
    ],
)
def test_what_cannot_be_meant_is_refused(
    records: SqlRecords, filters: dict[str, object], sentence: str
) -> None:
    with pytest.raises(Refused) as refused:
        names(records, **filters)
    assert str(refused.value).startswith(sentence)


def test_a_narrowed_list_that_is_empty_says_so(records: SqlRecords) -> None:
    assert printed(found_instances_table(())).strip() == "No instance is like that."
    assert printed(found_history_table(())).strip() == "No operation is like that."
    assert "orders" in printed(found_instances_table(instances(records)))


def test_the_history_is_narrowed_by_time_and_status(records: SqlRecords) -> None:
    here = LinuxProcesses().here("run-1", "http://127.0.0.1:4210/runs/1")
    for hours, status in enumerate([OperationStatus.FAILED, OperationStatus.REFUSED]):
        row = replace(operation(None, "orders", here), status=status)
        records.note(replace(row, started=NOON + timedelta(hours=hours)))
    later = Period(since=NOON + timedelta(minutes=30))
    earlier = Period(until=NOON + timedelta(hours=1))
    assert [line["status"] for line in history(records, "orders", later)] == ["refused"]
    assert [line["status"] for line in history(records, "orders", earlier)] == ["failed"]
    assert [line["status"] for line in history(records, None, status="failed")] == ["failed"]
    assert history(records, "orders", later, "failed") == ()
    with pytest.raises(Refused) as refused:
        history(records, None, status="lost")
    assert str(refused.value) == (
        'status "lost": accepted are running, successful, failed, refused, interrupted'
    )


@pytest.mark.parametrize(
    ("since", "until", "period"),
    [
        ("", "", Period()),
        ("2h", "", Period(NOON - timedelta(hours=2))),
        ("7d", "30m", Period(NOON - timedelta(days=7), NOON - timedelta(minutes=30))),
        ("2026-05-04", "", Period(NOON - timedelta(hours=12))),
        ("", "2026-05-04 12:00", Period(None, NOON)),
        ("", "2026-05-04T14:00+02:00", Period(None, NOON)),
    ],
)
def test_moments_as_people_type_them(since: str, until: str, period: Period) -> None:
    assert read_period(since, until, NOON) == period


def test_failed_creations_are_listed_with_when_who_and_why(records: SqlRecords) -> None:
    here = LinuxProcesses().here("run-1", "http://127.0.0.1:4210/runs/1")
    failed = replace(operation(None, "late", here), status=OperationStatus.FAILED)
    records.note(replace(failed, finished=NOON, reason="ssh: the line was cut"))
    records.note(replace(failed, operation="delete-instance"))
    (line,) = failed_creations(records)
    page = printed(failed_creations_table([line]))
    for word in ("late", "2026-05-04 12:00:00 UTC", "bob (cli)", "ssh: the line was cut"):
        assert word in page
    assert "fleet run clear-failed-creations" in page
    assert "No creation has failed" in printed(failed_creations_table(()))


def test_quotas_show_used_total_and_free(records: SqlRecords) -> None:
    lines = quotas(records)
    assert [(line["resource"], line["used"], line["total"], line["free"]) for line in lines] == [
        ("instances", 3, 5, 2),
        ("brokers", 9, 20, 11),
        ("storage_gb", 900, 2000, 1100),
    ]
    assert "quota_storage_gb" in printed(quotas_table(lines))


def test_a_size_says_what_decided_and_how_to_create_it() -> None:
    view = size({"mbps": 51, "partitions": 300})
    assert view["decided_by"] == ["traffic"]
    page = printed(size_page(view))
    assert "flavor=kafka.2u4g.cluster brokers=4 storage_per_broker=10000" in page
    assert "300 MB/s in all" not in page
    assert "600 MB/s in all, 20,000 connections; it maps to kafka.4u8g.cluster x 3" in page
    smallest = printed(size_page(size({"mbps": 1})))
    assert "the smallest flavor and number of brokers" in smallest
