"""Whether the provider has room for an instance, in numbers a person can act on."""

from __future__ import annotations

from collections.abc import Sequence

from flows.domain.errors import Refused
from flows.domain.machines import Room


def check_room(needs: Sequence[Room], free: Room, provider: str) -> None:
    """Refuses machines that do not fit, saying what is needed and what is there."""
    memory = sum(need.memory_mb for need in needs)
    disk = sum(need.disk_gb for need in needs)
    if len(needs) > free.addresses:
        raise Refused(
            f"brokers {len(needs)}: each needs an address and {provider} has "
            f"{free.addresses} free; choose fewer brokers"
        )
    if memory > free.memory_mb:
        raise Refused(
            f"brokers {len(needs)}: they need {memory} MB of memory together and {provider} has "
            f"{free.memory_mb} MB free; choose fewer brokers or a smaller flavor"
        )
    _check_disk(disk, len(needs), free, provider)


def check_memory_room(more_mb: int, brokers: int, free: Room, provider: str) -> None:
    """Refuses machines that do not have the room to grow by so much memory each."""
    if more_mb > 0 and more_mb * brokers > free.memory_mb:
        raise Refused(
            f"flavor: {brokers} brokers need {more_mb * brokers} MB of memory more together and "
            f"{provider} has {free.memory_mb} MB free; choose a smaller flavor"
        )


def check_disk_room(more_gb: int, brokers: int, free: Room, provider: str) -> None:
    """Refuses disks that do not have the room to grow by so much each."""
    _check_disk(more_gb * brokers, brokers, free, provider)


def _check_disk(disk: int, brokers: int, free: Room, provider: str) -> None:
    if disk > free.disk_gb:
        raise Refused(
            f"storage_per_broker: {brokers} brokers need {disk} GB of disk together and "
            f"{provider} has {free.disk_gb} GB free; choose less storage or fewer brokers"
        )
