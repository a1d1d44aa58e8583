"""The answers as tables for people; imported only when a person reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flows.queries.history import HistoryLine
from flows.queries.instances import InstanceLine
from flows.queries.show import BrokerView, InstanceView, StorageView
from flows.queries.users import UserLine

if TYPE_CHECKING:
    from flows.queries.client_certificates import CertificateLine
    from flows.queries.hosts import HostLine  # its adapters would cost every other answer

_COLORS = {
    "Running": "green",
    "Creating": "cyan",
    "Changing": "cyan",
    "Restarting": "cyan",
    "Deleting": "cyan",
    "Faulty": "red",
    "Change failed": "red",
    "successful": "green",
    "running": "cyan",
    "failed": "red",
    "refused": "yellow",
    "interrupted": "yellow",
    "handed out": "green",
    "waiting": "cyan",
    "revoked": "yellow",
    "expired": "red",
    "warning": "yellow",
    "critical": "red",
}


def instances_table(lines: Sequence[InstanceLine]) -> RenderableType:
    """One line per instance, with the reason under a status that has one."""
    if not lines:
        return Text("There is no instance yet; `fleet run create-instance name=...` makes one.")
    table = _table("name", "id", "status", "version", "flavor", "brokers", "storage", "created")
    for line in lines:
        table.add_row(
            line["name"],
            line["id"],
            _status(line["status"], line["reason"]),
            line["version"],
            line["flavor"],
            str(line["brokers"]),
            f"{line['storage_gb']} GB",
            _moment(line["created"]),
        )
    return table


def found_instances_table(lines: Sequence[InstanceLine]) -> RenderableType:
    """The same for a list that was narrowed."""
    return instances_table(lines) if lines else Text("No instance is like that.")


def found_history_table(lines: Sequence[HistoryLine]) -> RenderableType:
    """The history, narrowed."""
    return history_table(lines) if lines else Text("No operation is like that.")


def history_table(lines: Sequence[HistoryLine]) -> RenderableType:
    """One line per operation, the newest first."""
    if not lines:
        return Text("Nothing was asked for yet.")
    table = _table(
        "no.", "operation", "instance", "status", "asked by", "started", "seconds", "reason", "run"
    )
    for line in lines:
        table.add_row(
            str(line["number"]),
            line["operation"],
            line["instance"],
            _status(line["status"]),
            Text(f"{line['asked_by']} ({line['door']})"),
            _moment(line["started"]),
            _seconds(line["started"], line["finished"]),
            Text(line["reason"]),
            Text(line["run"]),
        )
    return table


def hosts_table(lines: Sequence[HostLine]) -> RenderableType:
    """One line per host, then every reason why one is not fit."""
    table = _table("name", "address", "login", "zone", "vCPUs", "memory", "disk", "state")
    for line in lines:
        carried = f" ({line['instance']})" if line["instance"] else ""
        table.add_row(
            line["name"],
            line["address"],
            line["login"],
            line["zone"],
            str(line["vcpus"]),
            f"{line['memory_gb']} GB",
            f"{line['disk_gb']} GB",
            Text(f"{line['state']}{carried}"),
        )
    reasons = [Text(reason) for line in lines for reason in line["reasons"]]
    return Group(table, *([Text(), *reasons] if reasons else []))


def client_certificates_table(lines: Sequence[CertificateLine]) -> RenderableType:
    """One line per certificate, in the order in which they were issued."""
    if not lines:
        words = "No client has a certificate yet; `fleet run issue-client-certificate` issues one."
        return Text(words)
    table = _table("number", "user", "state", "holds until", "serial")
    for line in lines:
        table.add_row(
            str(line["number"]),
            line["user"],
            _status(line["state"]),
            _moment(line["expires"]),
            line["serial"],
        )
    return table


def users_table(lines: Sequence[UserLine]) -> RenderableType:
    """One line per user, the first user marked."""
    table = _table("user", "logs in by", "created", "password set", "")
    for line in lines:
        table.add_row(
            line["user"],
            ", ".join(line["mechanisms"]),
            _moment(line["created"]),
            _moment(line["password_set"]),
            "first user" if line["first"] else "",
        )
    return table


def instance_page(view: InstanceView) -> RenderableType:
    """Everything of one instance: head, brokers, addresses, parameters, certificates."""
    return Group(
        _facts(_head(view)), Text(), _brokers(view["brokers"]), Text(),
        _facts(_parameters(view)), Text(), _certificates(view),
    )  # fmt: skip


def _head(view: InstanceView) -> Iterable[tuple[str, RenderableType]]:
    bootstrap = view["bootstrap"]
    yield "name", Text(f"{view['name']} ({view['id']})")
    yield "status", _status(view["status"], view["reason"])
    yield "version", Text(f"{view['version']} ({view['release']})")
    yield "flavor", Text(view["flavor"])
    yield "SASL mechanisms", Text(", ".join(view["sasl_mechanisms"]) or "none (SASL_SSL is off)")
    yield "private addresses", Text(bootstrap["private"] or "not known yet")
    yield "public addresses", Text(bootstrap["public"] or "off")
    yield "cross-network addresses", Text(bootstrap["cross_network"] or "not set up")
    yield "manager address", Text(view["manager_address"] or "none")
    yield "storage", Text(_used(view["storage"]))
    yield "topics", Text(_known(view["topics"]))
    yield "partitions", Text(f"{_known(view['partitions'])}, at most {view['partition_limit']}")
    yield "connections", Text(view["connections"])
    yield "created", Text(_moment(view["created"]))
    yield "last seen", Text(_moment(view["observed"]) if view["observed"] else "not yet")


def _brokers(brokers: Sequence[BrokerView]) -> Table:
    table = _table("broker", "address", "zone", "roles", "storage", "machine")
    for broker in brokers:
        table.add_row(
            str(broker["id"]),
            broker["address"] or "-",
            broker["zone"] or "-",
            ", ".join(broker["roles"]),
            _used(broker["storage"]),
            broker["machine"] or "-",
        )
    return table


def _parameters(view: InstanceView) -> Iterable[tuple[str, RenderableType]]:
    shown = {"name", "version", "flavor"}
    kept = {**view["parameters"], **dict.fromkeys(view["notes"].keys() - view["parameters"], "-")}
    for field, value in kept.items():
        if field not in shown:
            note = view["notes"].get(field)
            yield field, Text(f"{_plain(value)} ({note})" if note else _plain(value))


def _certificates(view: InstanceView) -> RenderableType:
    if not view["certificates"]:
        return Text("Nobody has looked at the certificates yet.")
    table = _table("certificate", "expires", "")
    for certificate in view["certificates"]:
        urgent = "" if certificate["urgency"] == "ok" else certificate["urgency"]
        table.add_row(certificate["name"], _moment(certificate["expires"]), _status(urgent))
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _facts(pairs: Iterable[tuple[str, RenderableType]]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in pairs:
        table.add_row(name, value)
    return table


def _status(status: str, reason: str = "") -> Text:
    text = Text(status, style=_COLORS.get(status, ""))
    return text.append(f"\n{reason}", style="default") if reason else text


def _moment(moment: str) -> str:
    return datetime.fromisoformat(moment).strftime("%Y-%m-%d %H:%M:%S %Z")


def _seconds(started: str, finished: str | None) -> str:
    if finished is None:
        return "-"
    lasted = datetime.fromisoformat(finished) - datetime.fromisoformat(started)
    return f"{lasted.total_seconds():.0f}"


def _used(storage: StorageView | None) -> str:
    if storage is None:
        return "not known yet"
    gigabyte = 1024**3
    used, total = storage["used_bytes"] / gigabyte, storage["total_bytes"] / gigabyte
    return f"{used:.1f} of {total:.1f} GB used"


def _known(count: int | None) -> str:
    return "not known yet" if count is None else str(count)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, dict):
        return ", ".join(f"{key}={text}" for key, text in value.items()) or "-"
    if isinstance(value, list):
        return ", ".join(str(item) for item in value) or "-"
    return "-" if value in (None, "") else str(value)
