"""A host belongs to one instance, and to its newest operation."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.module_utils.kafka_fleet.claim import ClaimRefused, claim, epoch_of, owner_of


@pytest.fixture
def state(tmp_path: Path) -> str:
    return str(tmp_path / "state")


def test_a_fresh_host_becomes_ours(state: str) -> None:
    assert owner_of(state) is None
    assert claim(state, "ab12cd34", 3) is False
    assert (owner_of(state), epoch_of(state)) == ("ab12cd34", 3)
    assert claim(state, "ab12cd34", 3) is True


def test_looking_leaves_no_mark(state: str) -> None:
    assert claim(state, "ab12cd34", 3, write=False) is False
    assert not Path(state).exists()


def test_a_foreign_marker_is_refused_by_name(state: str) -> None:
    claim(state, "ab12cd34", 3)
    with pytest.raises(ClaimRefused) as refused:
        claim(state, "zz99zz99", 4)
    assert str(refused.value) == (
        "the host carries the marker of instance ab12cd34; "
        "operation 4 of instance zz99zz99 may not change it"
    )
    assert (owner_of(state), epoch_of(state)) == ("ab12cd34", 3)


def test_an_older_operation_is_refused_by_number(state: str) -> None:
    claim(state, "ab12cd34", 9)
    with pytest.raises(ClaimRefused) as refused:
        claim(state, "ab12cd34", 3)
    assert str(refused.value) == (
        "the host was changed by operation 9; operation 3 is older and may not change it any more"
    )
    assert epoch_of(state) == 9


@settings(deadline=None, max_examples=40)
@given(epochs=st.lists(st.integers(1, 50), min_size=1, max_size=10))
def test_the_epoch_only_rises(tmp_path_factory: pytest.TempPathFactory, epochs: list[int]) -> None:
    state = str(tmp_path_factory.mktemp("host"))
    highest = 0
    for epoch in epochs:
        if epoch < highest:
            with pytest.raises(ClaimRefused):
                claim(state, "ab12cd34", epoch)
        else:
            claim(state, "ab12cd34", epoch)
        highest = max(highest, epoch)
        assert epoch_of(state) == highest
