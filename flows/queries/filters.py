"""What `fleet ls` can be narrowed to (SPEC 1.3); what cannot be meant is refused."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from flows.adapters.site import InstanceRow, Records
from flows.domain.errors import refusal
from flows.domain.instance import Status
from flows.domain.tags import read_tag

_PART_OF_NAME = re.compile(r"[A-Za-z0-9_-]+\Z")
_START_OF_ID = re.compile(r"[a-z0-9]{1,8}\Z")
_ADDRESS = re.compile(r"(?P<host>[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?)(?::(?P<port>\d+))?\Z")
_IPV4 = re.compile(r"(\d+)\.(\d+)\.(\d+)\.(\d+)\Z")


@dataclass(frozen=True)
class Filters:
    """All that were given must hold; empty ones hold for every instance.

    `name` is a part of the name and `id` its beginning; `tags` are `key` or `key=value`;
    `address` is one that clients connect to, with or without its port.
    """

    name: str = ""
    id: str = ""
    status: str = ""
    tags: Sequence[str] = ()
    address: str = ""

    def check(self) -> Filters:
        """The same filters; Refused for the first one that cannot be meant."""
        if self.name and not _PART_OF_NAME.match(self.name):
            raise refusal("name", self.name, "a part of a name has letters, digits, - and _ only")
        if self.id and not _START_OF_ID.match(self.id):
            raise refusal("id", self.id, "1 to 8 lower-case letters and digits are accepted")
        if self.status:
            _status(self.status)
        for tag in self.tags:
            read_tag(tag)
        if self.address:
            _address(self.address)
        return self

    @property
    def given(self) -> bool:
        """Whether there is any."""
        return bool(self.name or self.id or self.status or self.tags or self.address)

    def hold(self, records: Records, row: InstanceRow) -> bool:
        """Whether the instance is one of those that are meant."""
        return (
            self.name.lower() in row.wish.name.lower()
            and row.id.startswith(self.id)
            and (not self.status or row.status is _status(self.status))
            and all(_has(row, tag) for tag in self.tags)
            and (not self.address or _listens(records, row, self.address))
        )


def _status(text: str) -> Status:
    for status in Status:
        if status.lower() == text.lower().replace("-", " "):
            return status
    raise refusal("status", text, f"accepted are {', '.join(Status)}")


def _has(row: InstanceRow, tag: str) -> bool:
    key, value = read_tag(tag)
    tags = dict(row.wish.tags)
    return key in tags and value in (None, tags[key])


def _listens(records: Records, row: InstanceRow, address: str) -> bool:
    from flows.adapters.records.picture import picture  # noqa: PLC0415 (a plain `fleet ls`)

    host, port = _address(address)
    drawn = picture(row, records.machines(row.id))
    return any(
        listener.advertised_host == host and port in (None, listener.port)
        for broker in drawn.brokers
        for listener in drawn.listeners(broker)
    )


def _address(text: str) -> tuple[str, int | None]:
    found = _ADDRESS.match(text)
    if found is None or not _can_be(found["host"], found["port"]):
        accepted = "an IPv4 address or a host name is accepted, with or without :PORT"
        raise refusal("address", text, accepted)
    return found["host"], int(found["port"]) if found["port"] else None


def _can_be(host: str, port: str | None) -> bool:
    numbers = _IPV4.match(host)
    if numbers is None and re.match(r"[\d.]+\Z", host):
        return False
    octets = numbers.groups() if numbers else ()
    return all(int(octet) < 256 for octet in octets) and (port is None or 0 < int(port) < 65536)
