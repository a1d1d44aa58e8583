"""A real probe on a real broker; what it asks of the controller, byte by byte; how it dies."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from flows.adapters.kafka.shutdown import ShutdownRequest
from flows.adapters.probe import ProcessProbes
from flows.adapters.probe.traffic import Gaps, Writer
from flows.domain.cluster import PROBE_TOPIC, NewTopic
from flows.domain.errors import EffectFailed
from tests.acceptance.plane import wait_until
from tests.adapters.contracts_rolling import (
    listeners_contract,
    probe_contract,
    shutdown_contract,
    state_contract,
    warming_contract,
)
from tests.adapters.kafka_on_loopback import Loopback, kafka_on_loopback
from tests.adapters.test_fakes import created


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    with kafka_on_loopback() as running:
        topic = NewTopic(PROBE_TOPIC, {0: (1,)}, {"min.insync.replicas": "1"})
        running.kafka.create_topic(running.instance, topic)
        yield running


def test_the_fakes_keep_the_contracts_of_a_roll() -> None:
    world, instance = created()
    state_contract(world.zookeeper, world.kafka, instance)
    listeners_contract(world.kafka, instance)
    warming_contract(world.kafka, instance)
    probe_contract(world.probes, instance)
    shutdown_contract(world.kafka, world.zookeeper, instance)


@pytest.mark.lab
def test_a_cluster_keeps_the_contracts_of_a_roll(loopback: Loopback) -> None:
    state_contract(loopback.zookeeper, loopback.kafka, loopback.instance)
    listeners_contract(loopback.kafka, loopback.instance)
    listeners_contract(loopback.kafka, loopback.open_instance)
    warming_contract(loopback.kafka, loopback.instance)
    probe_contract(ProcessProbes(lambda _: loopback.credentials), loopback.instance)


@pytest.mark.lab
def test_a_probe_that_cannot_log_in_says_why(loopback: Loopback) -> None:
    wrong = type(loopback.credentials)(
        **{**vars(loopback.credentials), "probe_password": "Wrong-Words-42"}
    )
    probes = ProcessProbes(lambda _: wrong, start_seconds=6.0)
    with pytest.raises(EffectFailed, match="the probe of on-loopback could not begin"):
        probes.start(loopback.instance)


@pytest.mark.lab
def test_the_controller_takes_a_broker_out(loopback: Loopback) -> None:
    shutdown_contract(loopback.kafka, loopback.zookeeper, loopback.instance)
    stale = replace(loopback.zookeeper.state(loopback.instance), registrations={1: 7})
    with pytest.raises(EffectFailed, match="the broker has registered anew meanwhile"):
        loopback.kafka.shut_down(loopback.instance, stale, 1)


def test_the_request_is_what_kafka_reads() -> None:
    """The layouts of ControlledShutdown 1 and 2 (KIP-380)."""
    second = ShutdownRequest(2, 3, 4294967388).encoded()
    head = b"\x00\x07\x00\x02\x00\x00\x00\x01\x00\x0bkafka-fleet"
    assert (
        second == bytes([0, 0, 0, 33]) + head + b"\x00\x00\x00\x03\x00\x00\x00\x01\x00\x00\x00\x5c"
    )
    first = ShutdownRequest(1, 3, 4294967388).encoded()
    assert (
        first
        == bytes([0, 0, 0, 25]) + head.replace(b"\x00\x02", b"\x00\x01", 1) + b"\x00\x00\x00\x03"
    )


def test_a_probe_dies_with_who_started_it(tmp_path: Path) -> None:
    starter = textwrap.dedent(
        """
        import sys
        from flows.adapters.probe.process import ProcessProbe
        probe = ProcessProbe("x", {"settings": {"bootstrap.servers": "127.0.0.1:1"}, "topic": "x"})
        print(probe.pid, flush=True)
        sys.stdin.read()
        """
    )
    command = [sys.executable, "-c", starter]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        probe = int(process.stdout.readline())
        assert os.path.exists(f"/proc/{probe}")
        process.send_signal(signal.SIGKILL)
    wait_until(lambda: not os.path.exists(f"/proc/{probe}"), "the probe is gone", 10)


def test_a_partition_that_waits_until_the_end_was_silent_until_then() -> None:
    """Nobody listens at that port: what is sent never arrives."""
    writer = Writer(
        {"bootstrap.servers": "127.0.0.1:1"},
        PROBE_TOPIC,
        {"logger": logging.getLogger("nobody hears of it")},
    )
    writer.gaps.heard(0)
    writer.write(0)
    writer.flush(0.3)
    ((kind, partition, began, ended),) = writer.gaps.found
    assert (kind, partition, writer.errors) == ("write", 0, ["_TIMED_OUT"])
    assert ended - began >= 0.3


def test_each_gap_is_told_once_and_kept_for_the_end() -> None:
    gaps = Gaps("write")
    gaps.last = {0: 0.0, 1: 0.0}
    gaps.heard(0)
    (first,) = gaps.take()
    gaps.heard(1)
    (second,) = gaps.take()
    assert gaps.take() == []
    assert (first[1], second[1]) == (0, 1)
    assert gaps.found == [first, second]
