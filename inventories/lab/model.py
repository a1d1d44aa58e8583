"""The lab's words: what is asked for, what is there, and how the lab scales it down."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator

NAME = re.compile(r"[a-z0-9]([a-z0-9-]{0,46}[a-z0-9])?")
Place = Literal["lan", "gateway", "outside", "vpc"]
ClientNetwork = Literal["lan", "outside", "vpc"]
DEFAULT_GROUP = "default"


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Factor(_Frozen):
    """How the lab scales machines down to fit one host; shown wherever sizes are shown.

    `memory`: share of the nominal memory that a machine really gets.
    `disk`: share of the nominal disk that the lab sets aside; disks have their real size but are
    sparse, so they may promise more than the host has.
    """

    memory: float = Field(default=0.25, gt=0, le=1)
    disk: float = Field(default=0.02, gt=0, le=1)


class HostsEntry(_Frozen):
    """One line of a machine's /etc/hosts."""

    address: IPv4Address
    name: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]{0,252})$")


class MachineSpec(_Frozen):
    """What a machine shall be. Without an address the lab assigns one of its LAN.

    `place` says where it stands: an own address in the LAN, or within the namespace of the
    gateway or of the clients of a network (then it has that place's address).
    """

    name: str
    address: IPv4Address | None = None
    zone: str = "lab-1"
    vcpus: int = Field(default=2, ge=1)
    memory_mb: int = Field(default=4096, ge=512)
    disk_gb: int = Field(default=10, ge=1)
    hostname: str = ""
    authorized_key: str
    hosts: tuple[HostsEntry, ...] = ()
    place: Place = "lan"

    @field_validator("name", "hostname")
    @classmethod
    def _is_plain(cls, name: str, field: ValidationInfo) -> str:
        if not NAME.fullmatch(name) and (name or field.field_name == "name"):
            raise ValueError(
                f"{field.field_name} {name!r} must be 1-48 lower-case letters, digits or hyphens, "
                "with a letter or digit at both ends"
            )
        return name


class MachineRecord(_Frozen):
    """What the lab keeps on file of a machine; what can change by itself is asked elsewhere."""

    spec: MachineSpec
    address: IPv4Address
    host_key: str
    wanted: Literal["running", "stopped"] = "running"


class Machine(_Frozen):
    """A machine as it is now. Sizes are nominal; `effective_...` is what the lab gives."""

    name: str
    address: IPv4Address
    zone: str
    vcpus: int
    memory_mb: int
    disk_gb: int
    hostname: str
    host_key: str
    running: bool
    frozen: bool
    place: Place
    security_group: str
    effective_vcpus: int
    effective_memory_mb: int
    data_device: str = "/dev/vdb"


class Client(_Frozen):
    """A place to connect from: run commands there with `nsenter --net=/run/netns/<netns>`."""

    network: ClientNetwork
    netns: str
    address: IPv4Address


class Rule(_Frozen):
    """Who may open TCP connections to which ports of a group's machines."""

    source: IPv4Network
    ports: tuple[tuple[int, int], ...]


class Room(_Frozen):
    """What is still free for machines, in nominal sizes and in the host's own."""

    memory_mb: int
    disk_gb: int
    effective_memory_mb: int
    effective_disk_gb: int
    addresses: int
    factor: Factor


class Status(_Frozen):
    """The lab at a glance."""

    name: str
    up: bool
    slot: int
    lan: IPv4Network
    eips: IPv4Network
    outside: IPv4Network
    vpc: IPv4Network
    endpoints: IPv4Network
    gateway: IPv4Address
    host: IPv4Address
    factor: Factor
    machines: tuple[Machine, ...]
