"""The supervisor starts anew what has died and what hangs; and knows a worker by its pool."""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from flows.doors.controlplane import supervisor
from flows.doors.controlplane.home import prepare_home
from flows.doors.controlplane.processes import Process
from flows.doors.controlplane.programs import Program
from flows.doors.controlplane.supervisor import Watched
from flows.doors.controlplane.vital_signs import api_answers, pool_is_served
from flows.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(supervisor, "ASK_SECONDS", 0)
    made = Settings(home=tmp_path / "home")
    prepare_home(made)
    return made


@pytest.fixture
def watch(settings: Settings) -> Iterator[Callable[[Callable[[], bool]], Watched]]:
    """Watches a process that sleeps; `well` says whether it does its work."""
    made: list[Watched] = []

    def watch(well: Callable[[], bool]) -> Watched:
        argv = (sys.executable, "-c", "import time; time.sleep(60)")
        program = Program("sleeper", argv, {}, 5, well=well, seconds_silent=0.2)
        made.append(Watched(settings, program))
        return made[-1]

    yield watch
    for each in made:
        each.stop()


def test_a_process_that_does_its_work_is_left_alone(
    watch: Callable[[Callable[[], bool]], Watched],
) -> None:
    watched = watch(lambda: True)
    first = _looked_until(watched, lambda process: process is not None)
    for _ in range(8):
        watched.look()
        time.sleep(0.05)
    assert watched.process == first


def test_a_process_that_hangs_is_stopped_and_started_anew(
    watch: Callable[[Callable[[], bool]], Watched],
) -> None:
    well = [True]
    watched = watch(lambda: well[0])
    first = _looked_until(watched, lambda process: process is not None)
    well[0] = False
    _looked_until(watched, lambda process: process is None)
    assert first is not None
    assert not first.alive()
    well[0] = True
    second = _looked_until(watched, lambda process: process is not None)
    assert second != first


def test_what_a_killed_supervisor_left_is_adopted_and_watched(
    watch: Callable[[Callable[[], bool]], Watched],
) -> None:
    first = _looked_until(watch(lambda: True), lambda process: process is not None)
    heir = watch(lambda: False)
    assert heir.process == first
    _looked_until(heir, lambda process: process is None)


@pytest.mark.parametrize(
    ("answer", "served"),
    [
        (b'HTTP/1.1 200 OK\r\n\r\n{"status":"READY"}', True),
        (b'HTTP/1.1 200 OK\r\n\r\n{"status":"NOT_READY"}', False),
        (b'HTTP/1.1 200 OK\r\n\r\n{"status":"PAUSED"}', True),
        (b"HTTP/1.1 503 Service Unavailable\r\n\r\n", True),
    ],
)
def test_a_worker_is_blamed_only_when_the_api_says_so(answer: bytes, *, served: bool) -> None:
    with Listening(answer) as port:
        assert pool_is_served(port, "fleet:word", "fleet") is served


def test_an_api_that_is_unwell_or_hangs_up_does_not_answer() -> None:
    for answer, healthy in ((b"HTTP/1.1 200 OK\r\n\r\ntrue", True), (b"", False)):
        with Listening(answer) as port:
            assert api_answers(port) is healthy
    assert not api_answers(port)


def _looked_until(watched: Watched, holds: Callable[[Process | None], bool]) -> Process | None:
    limit = time.monotonic() + 10
    while not holds(watched.process):
        assert time.monotonic() < limit, "it did not come true in time"
        time.sleep(0.05)
        watched.look()
    return watched.process


class Listening:
    """A port on loopback that gives one answer to one request."""

    def __init__(self, answer: bytes) -> None:
        self._answer = answer
        self._server = socket.create_server(("127.0.0.1", 0))

    def __enter__(self) -> int:
        self._thread = threading.Thread(target=self._give)
        self._thread.start()
        return int(self._server.getsockname()[1])

    def __exit__(self, *_: object) -> None:
        self._thread.join(timeout=10)
        self._server.close()

    def _give(self) -> None:
        connection, _ = self._server.accept()
        with connection:
            connection.recv(65536)
            connection.sendall(self._answer)
