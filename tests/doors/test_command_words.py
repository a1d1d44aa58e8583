"""What people type after `fleet run`, and who they are."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from flows.domain.errors import Refused
from flows.domain.operations import Door
from flows.doors.asker import Asker, asker_of, at_the_terminal, labels
from flows.doors.catalogue import OPERATIONS, operation_named
from flows.doors.cli.running import one_each, parameters, reference, worst
from flows.doors.secret_blocks import given_secret, named_block


def test_parameters_are_split_at_the_first_equals_sign() -> None:
    assert parameters(["name=demo", "tags=team=a,cost=b", "description="]) == {
        "name": "demo",
        "tags": "team=a,cost=b",
        "description": "",
    }


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["demo"], 'parameter "demo": key=value is accepted; see `fleet operations`'),
        (["=demo"], 'parameter "": key=value is accepted; see `fleet operations`'),
        (["a=1", "a=2"], "a: it is given twice; once is accepted"),
    ],
)
def test_words_that_are_no_parameters_are_refused(words: list[str], sentence: str) -> None:
    with pytest.raises(Refused) as refused:
        parameters(words)
    assert str(refused.value) == sentence


def test_a_list_of_instances_starts_one_run_each() -> None:
    given = {"instance": "one, two", "confirm": "one,two", "plan_only": "true"}
    assert one_each(given) == [
        {"instance": "one", "confirm": "one", "plan_only": "true"},
        {"instance": "two", "confirm": "two", "plan_only": "true"},
    ]
    assert one_each({"name": "a,b"}) == [{"name": "a,b"}]


def test_every_instance_is_confirmed_by_its_own_name() -> None:
    with pytest.raises(Refused) as refused:
        one_each({"instance": "one,two", "confirm": "one"})
    assert str(refused.value) == (
        'confirm "one": it has 1 parts, but instance names 2; as many are accepted'
    )


def test_a_store_is_named_and_never_read_by_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_HOME", "/srv/fleet")
    replace = operation_named("replace-certificates")
    assert reference(replace, "keystore", "file:server.keystore.jks") == "file:server.keystore.jks"
    assert reference(replace, "keystore", "block:server-keystore") == "server-keystore"
    assert reference(replace, "keystore_password", "@password") is None
    for words in ("server.keystore.jks", "@/etc/shadow", "-"):
        with pytest.raises(Refused) as refused:
            reference(replace, "keystore", words)
        assert str(refused.value) == (
            'keystore "(not shown)": accepted are file:NAME of a file in /srv/fleet/uploads, and '
            "block:NAME of a Secret block with the file in base64"
        )


def test_the_worst_end_decides_the_exit_code() -> None:
    assert [worst(codes) for codes in ([0, 0], [0, 2], [2, 1, 0])] == [0, 2, 1]


def test_an_unknown_operation_is_refused_by_naming_all() -> None:
    with pytest.raises(Refused) as refused:
        operation_named("make-coffee")
    assert str(refused.value).startswith('operation "make-coffee": there is none of this name; ')
    assert all(operation.name in str(refused.value) for operation in OPERATIONS)


def test_a_secret_comes_from_a_file_a_pipe_or_a_prompt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "password").write_text("from a file\n")
    monkeypatch.setattr("sys.stdin", io.StringIO("from a pipe\n"))
    assert given_secret("password", f"@{tmp_path / 'password'}") == "from a file"
    assert given_secret("password", "-") == "from a pipe"
    assert given_secret("password", "?", lambda words: f"typed after {words}") == (
        "typed after password: "
    )
    assert named_block("block:kept") == "kept"
    assert named_block("kept") is None


def test_a_secret_in_the_command_line_is_refused_without_being_shown() -> None:
    with pytest.raises(Refused) as refused:
        given_secret("password", "hunter2")
    assert str(refused.value) == (
        "password (not shown): a command line can be read by everybody on this machine; accepted "
        "are @FILE, - (standard input), ? (a prompt) and block:NAME (one of Prefect's Secret "
        "blocks)"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (None, "the file cannot be read (No such file or directory)"),
        (b"\xff\xfe", "the file cannot be read (it is not text)"),
        (b"\n", "the secret is empty"),
    ],
)
def test_a_file_without_a_secret_is_refused(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    if content is not None:
        (tmp_path / "password").write_bytes(content)
    with pytest.raises(Refused, match="password") as refused:
        given_secret("password", f"@{tmp_path / 'password'}")
    assert sentence in str(refused.value)


def test_labels_say_who_asked_and_runs_without_them_came_by_ui_or_schedule() -> None:
    asker = Asker("ann", Door.CHAT)
    assert asker_of(labels(asker), automatic=False) == asker
    assert asker_of({}, automatic=True) == Asker("schedule", Door.SCHEDULE)
    assert asker_of({"door": "window"}, automatic=False) == Asker("fleet", Door.UI)


def test_who_types_behind_sudo_is_the_person_not_root() -> None:
    assert at_the_terminal({"SUDO_USER": "ann", "USER": "root"}).name == "ann"
    assert at_the_terminal({"USER": "bob"}) == Asker("bob", Door.CLI)
    assert at_the_terminal({}).name
