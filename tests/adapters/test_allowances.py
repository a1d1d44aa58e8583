"""The last free place of a quota goes to one of two who ask at the same moment."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import Engine

from flows.adapters.clock import SystemClock
from flows.adapters.processes import LinuxProcesses
from flows.adapters.records.sql import SqlRecords
from flows.domain.errors import Refused
from flows.domain.quotas import Amount
from tests.adapters.record_samples import instance

ROUNDS = 5


@pytest.mark.parametrize("turn", range(ROUNDS))
def test_of_many_creations_at_the_same_moment_as_many_pass_as_there_is_room(
    engine: Engine, turn: int
) -> None:
    records = SqlRecords(engine, LinuxProcesses(), SystemClock(), Amount(2, 100, 100_000))
    start, sentences = threading.Barrier(6), []

    def create(number: int) -> None:
        start.wait()
        try:
            records.add(instance(f"turn{turn}n{number}", f"turn-{number}"))
        except Refused as refused:
            sentences.append(str(refused))

    threads = [threading.Thread(target=create, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert len(records.living()) == 2
    assert sentences == 4 * [
        "quota_instances: 2 of 2 are used and 1 more asked for; at most 0 more are accepted "
        "(see `fleet quotas`)"
    ]
