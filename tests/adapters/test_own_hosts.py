"""Which hosts are taken is kept beside the records; keys of instances come and go on a host."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

from flows.adapters.clock import SystemClock
from flows.adapters.hosts.remote import taking
from flows.adapters.provider.taken import Taken, TakenHosts
from flows.domain.errors import EffectFailed
from tests.adapters.record_samples import new_database

FIRST = {"ab12cd34-1-1": ("192.0.2.11", "kafka-1")}


@pytest.fixture
def hosts(tmp_path: Path) -> TakenHosts:
    return TakenHosts(new_database(tmp_path), SystemClock())


def test_all_are_taken_or_none(hosts: TakenHosts) -> None:
    hosts.take(FIRST)
    both = {"ef56gh78-1-1": ("192.0.2.12", "kafka-2"), "ef56gh78-2-1": ("192.0.2.11", "kafka-1")}
    with pytest.raises(EffectFailed) as refused:
        hosts.take(both)
    assert str(refused.value) == (
        "own hosts: another operation took one of kafka-2, kafka-1 just now; run it again"
    )
    assert hosts.all() == (Taken("192.0.2.11", "ab12cd34-1-1", "kafka-1"),)
    assert hosts.all()[0].owner == "ab12cd34"
    hosts.take({})


def test_a_host_that_was_left_is_not_free_before_it_is_clean(hosts: TakenHosts) -> None:
    hosts.take(FIRST)
    hosts.leave("ab12cd34-1-1")
    assert hosts.all() == (Taken("192.0.2.11", "ab12cd34-1-1", "kafka-1", to_be_cleaned=True),)
    with pytest.raises(EffectFailed, match="another operation took one of kafka-1"):
        hosts.take({"ef56gh78-1-1": ("192.0.2.11", "kafka-1")})
    hosts.free("ab12cd34-1-1")
    hosts.free("ab12cd34-1-1")
    assert hosts.all() == ()
    hosts.take({"ef56gh78-1-1": ("192.0.2.11", "kafka-1")})


# The program that runs on the host, on directories of this test.


@pytest.fixture
def user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user whose home, and the state of the host, lie in the test's directory."""
    found = pwd.getpwuid(0)
    moved = pwd.struct_passwd((*found[:5], str(tmp_path), found.pw_shell))
    monkeypatch.setattr(pwd, "getpwnam", lambda name: moved)
    monkeypatch.setattr(taking, "STATE", str(tmp_path / "state"))
    return found.pw_name


def _claimed(directory: Path, owner: str, *others: str) -> Path:
    state = directory / "state"
    state.mkdir()
    for name, text in (("owner", owner), ("epoch", "7"), *((other, "") for other in others)):
        (state / name).write_text(f"{text}\n")
    return state


def test_a_key_is_let_in_once_and_the_owners_stay(tmp_path: Path, user: str) -> None:
    key = "ssh-ed25519 AAAA kafka-fleet ab12cd34"
    assert taking.let_in(user, key) is True
    path = tmp_path / ".ssh/authorized_keys"
    assert (path.read_text(), path.stat().st_mode & 0o777) == (f"{key}\n", 0o600)
    path.write_text("ssh-ed25519 BBBB me@home\n")
    path.chmod(0o644)
    assert (taking.let_in(user, key), taking.let_in(user, key)) == (True, False)
    assert path.stat().st_mode & 0o777 == 0o644
    assert taking.give_back(user, "ab12cd34") == {"owner": None, "epoch": 0}
    assert path.read_text() == "ssh-ed25519 BBBB me@home\n"
    assert [each.name for each in path.parent.iterdir()] == ["authorized_keys"]


def test_a_marker_that_stands_alone_goes(tmp_path: Path, user: str) -> None:
    state = _claimed(tmp_path, "ab12cd34")
    assert taking.give_back(user, "ab12cd34") == {"owner": None, "epoch": 0}
    assert not state.exists()


def test_a_host_that_holds_more_of_ours_keeps_marker_and_key(tmp_path: Path, user: str) -> None:
    taking.let_in(user, "ssh-ed25519 AAAA kafka-fleet ab12cd34")
    state = _claimed(tmp_path, "ab12cd34", "applied.json")
    assert taking.give_back(user, "ab12cd34") == {"owner": "ab12cd34", "epoch": 7}
    assert state.exists()
    assert "ab12cd34" in (tmp_path / ".ssh/authorized_keys").read_text()


def test_the_marker_of_another_instance_is_left_alone(tmp_path: Path, user: str) -> None:
    taking.let_in(user, "ssh-ed25519 AAAA kafka-fleet ab12cd34")
    state = _claimed(tmp_path, "other123")
    assert taking.give_back(user, "ab12cd34") == {"owner": "other123", "epoch": 7}
    assert state.exists()
    assert (tmp_path / ".ssh/authorized_keys").read_text() == ""
