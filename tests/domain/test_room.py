"""Room: what is needed and what is there, in numbers."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from flows.domain.errors import Refused
from flows.domain.machines import Room
from flows.domain.room import check_room
from tests.domain.samples import OFTEN

ROOMS = st.builds(Room, st.integers(0, 9_000), st.integers(0, 900))


@OFTEN
@given(needs=st.lists(ROOMS, max_size=5), free=ROOMS)
def test_machines_are_accepted_exactly_when_they_fit_together(
    needs: list[Room], free: Room
) -> None:
    memory = sum(need.memory_mb for need in needs)
    disk = sum(need.disk_gb for need in needs)
    said = answer(needs, free)
    if memory > free.memory_mb:
        assert f" need {memory} MB of memory" in said
        assert f"the lab has {free.memory_mb} MB free" in said
    elif disk > free.disk_gb:
        assert f" need {disk} GB of disk" in said
        assert f"the lab has {free.disk_gb} GB free" in said
    else:
        assert said == ""


def answer(needs: list[Room], free: Room) -> str:
    """The refusal, or nothing."""
    try:
        check_room(needs, free, "the lab")
    except Refused as refusal:
        return str(refusal)
    return ""


def test_machines_without_addresses_are_refused_with_the_number_that_is_free() -> None:
    needs = [Room(1024, 2)] * 3
    assert answer(needs, Room(64_000, 100, addresses=2)) == (
        "brokers 3: each needs an address and the lab has 2 free; choose fewer brokers"
    )
