"""The disks of an instance as tables for people."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from flows.queries.disk import BrokerDiskView, DiskView, TopicDiskView

_UNITS = ("B", "KB", "MB", "GB", "TB")


def disk_page(view: DiskView) -> RenderableType:
    """The brokers' disks, the topics under them, and what is missing of both."""
    parts: list[RenderableType] = [_brokers(view["brokers"])]
    if view["silent_brokers"]:
        silent = ", ".join(str(number) for number in view["silent_brokers"])
        parts.append(Text(f"broker {silent}: silent, so its replicas are not counted", "yellow"))
    parts.append(Text())
    parts.append(_topics(view["topics"]) if view["topics"] else Text("No topic was selected."))
    if view["more"]:
        parts.append(Text(f"and {view['more']} more topics (--top shows more)"))
    return Group(*parts)


def size(count: int | None) -> str:
    """Bytes as people read them."""
    if count is None:
        return "not known"
    number = float(count)
    for unit in _UNITS[:-1]:
        if number < 1024:
            return f"{number:.0f} {unit}" if unit == "B" else f"{number:.1f} {unit}"
        number /= 1024
    return f"{number:.1f} {_UNITS[-1]}"


def _brokers(brokers: list[BrokerDiskView]) -> Table:
    table = _table("broker", "disk", "used", "used %", "Kafka's replicas")
    for each in brokers:
        table.add_row(
            str(each["broker"]),
            size(each["total_bytes"]),
            size(each["used_bytes"]),
            _percent(each["used_percent"], 1),
            size(each["replica_bytes"]),
        )
    return table


def _topics(topics: list[TopicDiskView]) -> Table:
    table = _table("topic", "partitions", "replicas", "size", "% of all disks")
    for each in topics:
        table.add_row(
            each["topic"],
            str(each["partitions"]),
            str(each["replicas"]),
            size(each["bytes"]),
            _percent(each["percent"], 2),
        )
    return table


def _percent(share: float | None, digits: int) -> str:
    return "not known" if share is None else f"{share:.{digits}f}"


def _table(first: str, *columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column(first, overflow="fold")
    for column in columns:
        table.add_column(column, justify="right")
    return table
