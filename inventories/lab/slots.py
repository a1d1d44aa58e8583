"""Which slot of the address plan a lab owns on this host.

Labs under one root find each other by their records; labs of other roots (a second checkout)
by claims under /run, which go with the host's boot as everything they guard does.
"""

from __future__ import annotations

from ipaddress import IPv4Network
from pathlib import Path

from inventories.lab import network
from inventories.lab.addresses import address_plan, collision, slots
from inventories.lab.errors import LabRefused
from inventories.lab.model import Factor
from inventories.lab.state import LabFiles, LabRecord, lab_records, locked, write

CLAIMS = Path("/run/kafka-fleet")


def take(files: LabFiles, whole: str, factor: Factor) -> None:
    """The lab is on file with the lowest free slot of the network, claimed; else `LabRefused`."""
    with locked(CLAIMS / "lock"):
        slot = first_free(files.labs, whole)
        write(files.record, LabRecord(slot=slot, network=whole, factor=factor))
        _claim_file(slot).write_text(str(files.directory))


def first_free(labs: Path, whole: str) -> int:
    """The lowest slot of the network that no lab has and that the host's own routes leave free."""
    reason: str | None = "it is smaller than /20"
    for slot in range(slots(IPv4Network(whole))):
        reason = _obstacle(labs, whole, slot)
        if reason is None:
            return slot
    raise LabRefused(f"network {whole} has no free slot for a lab: {reason}")


def keep(files: LabFiles, slot: int) -> None:
    """The slot that the lab owns on file is its own on this host too; else `LabRefused`."""
    with locked(CLAIMS / "lock"):
        other = owner(slot)
        if other not in (None, files.directory):
            raise LabRefused(
                f"slot {slot} of lab {files.name} is used by the lab at {other}: "
                "destroy one of the two"
            )
        _claim_file(slot).write_text(str(files.directory))


def give_back(files: LabFiles, slot: int) -> None:
    """The lab claims the slot no longer."""
    if owner(slot) == files.directory:
        _claim_file(slot).unlink()


def owner(slot: int) -> Path | None:
    """The directory of the lab that claims the slot, unless that lab is gone."""
    claim = _claim_file(slot)
    if not claim.exists():
        return None
    directory = Path(claim.read_text())
    return directory if (directory / "lab.json").exists() else None


def owners() -> tuple[Path, ...]:
    """The directories of all labs of this host that claim a slot, whatever their root."""
    slots_claimed = [int(claim.name.removeprefix("kf")) for claim in CLAIMS.glob("kf*")]
    found = (owner(slot) for slot in sorted(slots_claimed))
    return tuple(directory for directory in found if directory is not None)


def _obstacle(labs: Path, whole: str, slot: int) -> str | None:
    for name, record in lab_records(labs).items():
        if record.slot == slot:
            return f"slot {slot} belongs to lab {name}"
    other = owner(slot)
    if other:
        return f"slot {slot} belongs to the lab at {other}"
    plan = address_plan(whole, slot)
    return collision(plan, network.host_routes(), network.host_resolvers())


def _claim_file(slot: int) -> Path:
    return CLAIMS / f"kf{slot}"
