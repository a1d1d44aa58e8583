"""Plays say what they do, fail in one sentence, and leave nothing of their secrets behind.

The playbooks here run on this machine (`connection: local`); the product's own run in the lab.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from flows.adapters.ansible import RunnerAnsible
from flows.adapters.ansible.inventory import inventory_text, known_hosts_text, secrets_text
from flows.adapters.ansible.private import private_directory
from flows.adapters.ansible.watcher import Watcher
from flows.adapters.site import Play
from flows.domain.errors import EffectFailed
from flows.domain.instance import Machine

SECRET = "seeded-Secret-4711"
SSH_KEY = "seeded-private-key-4711"
LOGIN = "seeded-login-4711"
MACHINE = Machine("ab12cd34-1-1", 1, 1, "127.0.0.1", "z1", "ssh-ed25519 AAAA")
OTHER = Machine("ab12cd34-2-1", 2, 1, "127.0.0.2", "z2", "ssh-ed25519 BBBB")
THIRD = Machine("ab12cd34-3-1", 3, 1, "127.0.0.3", "z3", "ssh-ed25519 CCCC")

Task = dict[str, Any]


def _wait_until(condition: Callable[[], object], what: str, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"within {seconds} s: {what}"
        time.sleep(0.02)


def _private_directories() -> list[Path]:
    return [*Path("/dev/shm").glob(f"kafka-fleet-ansible-{os.getpid()}-*")]


def _play(*machines: Machine, book: str = "book.yml", **variables: Any) -> Play:
    machines = machines or (MACHINE,)
    secrets = {machine.name: {"word": SECRET} for machine in machines}
    return Play(book, machines, 7, {machine.name: variables for machine in machines}, secrets)


def _task(name: str, module: str, *, options: Any = None, **keywords: Any) -> Task:
    return {"name": name, f"ansible.builtin.{module}": options or {}, **keywords}


class Books:
    """Playbooks of a test and what their plays said."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.said: list[str] = []

    def write(self, *plays: list[Task], connection: str = "local") -> None:
        head = {"hosts": "all", "gather_facts": False, "connection": connection}
        text = yaml.safe_dump([{**head, "tasks": tasks} for tasks in plays])
        (self.directory / "book.yml").write_text(text)

    def ansible(self, limit: int = 60) -> RunnerAnsible:
        return RunnerAnsible(
            "ab12cd34", lambda: SSH_KEY, self.directory, self.said.append, limit=limit
        )


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    yield Books(tmp_path)
    assert _private_directories() == []


# A play that goes well.


def _handlers() -> list[Any]:
    return [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]


def test_a_play_hands_over_everything_counts_and_says_each_outcome(books: Books) -> None:
    that = [
        "host_owner == 'ab12cd34'",
        "host_epoch == 7",
        "host_data_device == '/dev/vdb'",
        "host_text == '{' ~ '{ not_a_template }' ~ '} {' ~ '% nor this'",
        f"word == '{SECRET}'",
    ]
    check = _task("Check", "assert", options={"that": that})
    changing = _task("Change", "command", options={"cmd": "true"}, changed_when=True)
    ignored = _task("Ignore", "fail", options={"msg": "never mind"}, ignore_errors=True)
    books.write([check, changing], [check, ignored])
    before = _handlers()
    play = _play(MACHINE, OTHER, host_text="{{ not_a_template }} {% nor this")
    assert books.ansible().play(play).changed == {MACHINE.name: 1, OTHER.name: 1}
    assert [line for line in books.said if line.startswith(MACHINE.name)] == [
        "ab12cd34-1-1: Check: ok",
        "ab12cd34-1-1: Change: changed",
        "ab12cd34-1-1: Check: ok",
        "ab12cd34-1-1: Ignore: failed: never mind",
    ]
    assert _handlers() == before


def test_nothing_is_played_on_no_machine(books: Books) -> None:
    assert books.ansible().play(Play("missing.yml", (), 7, {}, {})).changed == {}


# Failures.


def test_a_failure_is_one_sentence_and_holds_no_secret(books: Books) -> None:
    tasks = [
        _task("Break", "fail", options={"msg": "the disk\n is full"}, when="host_epoch == 7"),
    ]
    hidden = _task("Hide", "fail", options={"msg": SECRET}, no_log=True)
    forgotten = _task("Forget", "fail", options={"msg": "the word {{ word }} is wrong"})
    books.write(
        [
            {**hidden, "when": f"inventory_hostname == '{OTHER.name}'"},
            {**forgotten, "when": f"inventory_hostname == '{THIRD.name}'"},
            *tasks,
        ]
    )
    with pytest.raises(EffectFailed) as failed:
        books.ansible().play(_play(MACHINE, OTHER, THIRD))
    assert str(failed.value) == (
        "book.yml: task 'Hide' failed on ab12cd34-2-1: its output is hidden because it touches "
        "secrets (failed on ab12cd34-1-1, ab12cd34-3-1 as well)"
    )
    assert [line for line in books.said if ": failed: " in line] == [
        "ab12cd34-2-1: Hide: failed: its output is hidden because it touches secrets",
        "ab12cd34-3-1: Forget: failed: the word (hidden) is wrong",
        "ab12cd34-1-1: Break: failed: the disk is full",
    ]


def test_a_playbook_that_does_not_exist_is_named(books: Books) -> None:
    with pytest.raises(EffectFailed, match=r"missing\.yml: .*could not be found"):
        books.ansible().play(_play(book="missing.yml"))


def test_a_play_has_a_limit(books: Books) -> None:
    books.write([_task("Wait", "command", options={"cmd": "sleep 60"})])
    with pytest.raises(EffectFailed, match="the play did not end within 1 s and was stopped"):
        books.ansible(limit=1).play(_play())


def test_a_machine_that_does_not_answer_is_named(books: Books) -> None:
    books.write([_task("Ask", "command", options={"cmd": "true"})], connection="ssh")
    with pytest.raises(EffectFailed, match=r"task 'Ask' failed on ab12cd34-1-1: .*ssh"):
        books.ansible().play(_play())
    assert books.said[0].startswith("ab12cd34-1-1: Ask: unreachable")


# Nothing is left behind, nothing is seen.


def test_a_straggler_does_not_make_the_directory_anew() -> None:
    late = ["sh", "-c", 'sleep 0.5; mkdir -p "$1/tmp"', "late"]
    with private_directory() as directory:
        straggler = subprocess.Popen([*late, str(directory)])
    assert straggler.wait() == 0
    assert not directory.exists()


def _hold(books: Books) -> Path:
    """A playbook that announces itself and then waits to be released."""
    started, go = books.directory / "started", books.directory / "go"
    script = f"touch {started}; until [ -e {go} ]; do sleep 0.05; done"
    books.write([_task("Hold", "shell", options={"cmd": script}, no_log=True)])
    return started


def _processes() -> dict[int, bytes]:
    """Command line and environment of every process but this one."""
    found = {}
    for directory in Path("/proc").iterdir():
        if directory.name.isdigit() and int(directory.name) != os.getpid():
            try:
                texts = [(directory / name).read_bytes() for name in ("cmdline", "environ")]
            except OSError:
                continue  # it has ended, or is not ours to look at
            found[int(directory.name)] = b"\0".join(texts)
    return found


def _files_holding(word: str, directory: Path) -> list[str]:
    return [
        path.name
        for path in directory.rglob("*")
        if path.is_file() and word.encode() in path.read_bytes()
    ]


def test_while_a_play_runs_its_secrets_are_seen_nowhere(
    books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", LOGIN)
    started = _hold(books)
    play = threading.Thread(target=lambda: books.ansible().play(_play()))
    play.start()
    try:
        _wait_until(started.exists, "the play runs")
        processes = _processes()
        [directory] = _private_directories()
        holding = {word: _files_holding(word, directory) for word in (SECRET, LOGIN, SSH_KEY)}
        modes = {path.name: path.stat().st_mode & 0o777 for path in (directory, directory / "key")}
    finally:
        (books.directory / "go").touch()
        play.join(timeout=30)
    assert any(str(directory).encode() in text for text in processes.values())
    for word in (SECRET, LOGIN, SSH_KEY):
        assert [pid for pid, text in processes.items() if word.encode() in text] == []
    assert holding == {SECRET: [], LOGIN: [], SSH_KEY: ["key"]}
    assert modes == {directory.name: 0o700, "key": 0o600}


def _engine(books: Books) -> subprocess.Popen[str]:
    """Another process that plays, and that ends with code 42 when it is asked to stop."""
    code = f"""
import signal, sys
from pathlib import Path
from flows.adapters.ansible import RunnerAnsible
from flows.adapters.site import Play
from flows.domain.instance import Machine
signal.signal(signal.SIGTERM, lambda *_: sys.exit(42))
machine = {MACHINE!r}
ansible = RunnerAnsible("ab12cd34", lambda: "key", Path({str(books.directory)!r}), print)
ansible.play(Play("book.yml", (machine,), 7, {{}}, {{machine.name: {{"word": "word"}}}}))
"""
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)


def _left_by(pid: int) -> list[str]:
    """Private directories of a process, and living processes that were started for them."""
    mark = f"kafka-fleet-ansible-{pid}-"
    directories = [path.name for path in Path("/dev/shm").glob(f"{mark}*")]
    processes = [f"process {left}" for left, text in _processes().items() if mark.encode() in text]
    return [*directories, *processes]


def test_killed_without_a_word_an_engine_leaves_no_file_and_no_process(books: Books) -> None:
    started = _hold(books)
    with _engine(books) as engine:
        _wait_until(started.exists, "the play runs")
        assert _left_by(engine.pid) != []
        engine.kill()
    (books.directory / "go").touch()  # a task that runs is not ours to stop: it ends by itself
    _wait_until(lambda: not _left_by(engine.pid), "nothing is left of the play")


def test_a_signal_ends_the_play_first_and_then_does_what_it_did_before(books: Books) -> None:
    started = _hold(books)
    with _engine(books) as engine:
        _wait_until(started.exists, "the play runs")
        engine.terminate()
        assert engine.wait(timeout=20) == 42
    (books.directory / "go").touch()
    _wait_until(lambda: not _left_by(engine.pid), "nothing is left of the play")


def test_a_cancelled_play_is_a_failure_where_the_signal_does_nothing(books: Books) -> None:
    started = _hold(books)
    received: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: received.append(number))

    def cancel() -> None:
        _wait_until(started.exists, "the play runs")
        os.kill(os.getpid(), signal.SIGTERM)

    watch = threading.Thread(target=cancel)
    try:
        watch.start()
        with pytest.raises(EffectFailed, match="the play was cancelled"):
            books.ansible().play(_play())
    finally:
        watch.join()
        signal.signal(signal.SIGTERM, before)
        (books.directory / "go").touch()
    assert received == [signal.SIGTERM]


def test_what_a_dead_process_left_is_swept_what_a_living_one_uses_is_not() -> None:
    with subprocess.Popen(["true"]) as ended:
        ended.wait()
    dead = Path(f"/dev/shm/kafka-fleet-ansible-{ended.pid}-test")
    living = Path(f"/dev/shm/kafka-fleet-ansible-{os.getppid()}-test")
    dead.mkdir()
    living.mkdir()
    try:
        with private_directory():
            pass
        assert (dead.exists(), living.exists()) == (False, True)
    finally:
        living.rmdir()


# The parts.

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


@given(value=VALUES)
def test_any_value_reaches_its_host_with_every_text_marked(value: Any) -> None:
    play = Play("book.yml", (MACHINE,), 7, {MACHINE.name: {"given": value}}, {})
    host = json.loads(inventory_text(play, "ab12cd34", Path("/key")))
    assert _unmarked(host["all"]["hosts"][MACHINE.name]["given"]) == value


def _unmarked(value: Any) -> Any:
    """The value with marks taken off; a text without a mark is an error."""
    if isinstance(value, dict) and set(value) == {"__ansible_unsafe"}:
        return value["__ansible_unsafe"]
    if isinstance(value, dict):
        return {name: _unmarked(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_unmarked(part) for part in value]
    assert not isinstance(value, str)
    return value


def test_an_inventory_refers_to_secrets_and_holds_none() -> None:
    text = inventory_text(_play(a="b"), "ab12cd34", Path("/key"))
    assert SECRET not in text
    assert "kafka_fleet_secrets[inventory_hostname]['word']" in text
    assert SECRET in secrets_text(_play())


def test_of_a_secret_file_the_content_is_hidden_and_the_path_is_said() -> None:
    file = {"path": "/etc/private/word", "content": SECRET}
    secrets = {MACHINE.name: {"host_secret_files": [file]}}
    watcher = Watcher(Play("book.yml", (MACHINE,), 7, {}, secrets), lambda line: None)
    result = {"msg": f"cannot write {SECRET} to /etc/private/word"}
    data = {"host": MACHINE.name, "task": "Write", "res": result}
    watcher.take({"event": "runner_on_failed", "event_data": data})
    assert watcher.complaint().endswith(": cannot write (hidden) to /etc/private/word")


def test_the_login_is_the_machines_own() -> None:
    guest = replace(OTHER, user="ops", port=2222)
    play = Play("book.yml", (MACHINE, guest), 7, {}, {})
    hosts = json.loads(inventory_text(play, "ab12cd34", Path("/key")))["all"]["hosts"]
    login = ("ansible_user", "ansible_port", "ansible_become")
    assert [hosts[MACHINE.name][key] for key in login] == ["root", 22, False]
    assert [hosts[guest.name][key] for key in login] == ["ops", 2222, True]
    assert known_hosts_text(play.machines) == (
        "127.0.0.1 ssh-ed25519 AAAA\n[127.0.0.2]:2222 ssh-ed25519 BBBB\n"
    )
