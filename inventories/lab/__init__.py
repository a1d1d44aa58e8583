"""An embedded lab: machines with systemd, SSH, disks and a routed network on this one host.

Stands alone: standard library and pydantic only, and Debian's own tools. Runs as root.
"""

from inventories.lab.errors import CommandFailed, LabError, LabRefused
from inventories.lab.lab import Lab
from inventories.lab.model import (
    Client,
    Factor,
    HostsEntry,
    Machine,
    MachineSpec,
    Room,
    Rule,
    Status,
)

PACKAGES = (
    "conntrack",
    "iproute2",
    "lxcfs",
    "mmdebstrap",
    "nftables",
    "openssh-client",
    "squashfs-tools",
    "systemd-container",
    "xfsprogs",
)
"""The Debian packages that the lab's host needs."""

__all__ = [
    "PACKAGES",
    "Client",
    "CommandFailed",
    "Factor",
    "HostsEntry",
    "Lab",
    "LabError",
    "LabRefused",
    "Machine",
    "MachineSpec",
    "Room",
    "Rule",
    "Status",
]
