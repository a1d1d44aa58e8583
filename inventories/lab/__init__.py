"""An embedded lab: machines with systemd, SSH, disks and a routed network on this one host.

Stands alone: standard library and pydantic only, and Debian's own tools. Runs as root.
"""

from inventories.lab.errors import CommandFailed, LabError, LabRefused, MachinesDown
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
from inventories.lab.packages import PACKAGES

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
    "MachinesDown",
    "Room",
    "Rule",
    "Status",
]
