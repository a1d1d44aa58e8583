"""What is delivered to a host is there, whole, once; what is not wished any more is gone."""

from __future__ import annotations

import grp
import json
import os
import pwd
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from playbooks.module_utils.kafka_fleet import applied
from playbooks.module_utils.kafka_fleet.files import (
    CannotDeliver,
    Delivery,
    WishedDirectory,
    WishedFile,
    clean,
    deliver,
)
from playbooks.module_utils.kafka_fleet.writing import Attributes, partial_path

OWNER = pwd.getpwuid(os.getuid()).pw_name
GROUP = grp.getgrgid(os.getgid()).gr_name
pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="the record of a host belongs to root")


def _attributes(mode: int = 0o644) -> Attributes:
    return Attributes(mode, OWNER, GROUP)


class Host:
    """A directory that stands for the root of a host."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.state = root / "state"
        self.state.mkdir()

    def deliver(
        self,
        files: dict[str, str],
        directories: tuple[str, ...] = (),
        part: str = "public",
        mode: int = 0o644,
        **how: bool,
    ) -> list[str]:
        """The changed paths, relative to the root."""
        wished = Delivery(
            str(self.state),
            part,
            tuple(WishedDirectory(self.path(name), _attributes(0o700)) for name in directories),
            tuple(
                WishedFile(self.path(name), text.encode(), _attributes(mode))
                for name, text in files.items()
            ),
            **how,
        )
        return [change.path.removeprefix(f"{self.root}/") for change in deliver(wished)]

    def path(self, name: str) -> str:
        return str(self.root / name)

    def text(self, name: str) -> str:
        return (self.root / name).read_bytes().decode()

    def everything(self) -> set[str]:
        """All files but the record."""
        found = {str(path.relative_to(self.root)) for path in self.root.rglob("*")}
        return found - {"state", f"state/{applied.NAME}"}


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_files_and_directories_appear_with_their_modes(host: Host) -> None:
    assert host.deliver({"etc/a": "one"}, ("data",), mode=0o640) == ["data", "etc", "etc/a"]
    assert host.text("etc/a") == "one"
    assert os.stat(host.path("etc/a")).st_mode & 0o7777 == 0o640
    assert os.stat(host.path("data")).st_mode & 0o7777 == 0o700
    assert os.stat(host.path("etc")).st_mode & 0o7777 == 0o755


def test_what_arrives_twice_changes_nothing(host: Host) -> None:
    host.deliver({"a": "one"}, ("data",))
    before = os.stat(host.path("a"))
    assert host.deliver({"a": "one"}, ("data",)) == []
    assert os.stat(host.path("a")) == before


def test_a_changed_mode_is_put_right_without_a_new_file(host: Host) -> None:
    host.deliver({"a": "one"})
    os.chmod(host.path("a"), 0o777)
    inode = os.stat(host.path("a")).st_ino
    assert host.deliver({"a": "one"}) == ["a"]
    found = os.stat(host.path("a"))
    assert (found.st_mode & 0o777, found.st_ino) == (0o644, inode)


def test_a_reader_never_sees_half_a_file(host: Host) -> None:
    host.deliver({"a": "one"})
    with open(host.path("a")) as reader:
        host.deliver({"a": "two"})
        assert reader.read() == "one"
    assert host.text("a") == "two"


def test_a_drifted_file_is_put_right(host: Host) -> None:
    host.deliver({"a": "one"})
    Path(host.path("a")).write_text("someone was here")
    assert host.deliver({"a": "one"}) == ["a"]
    assert host.text("a") == "one"


def test_files_not_wished_any_more_go_foreign_ones_stay(host: Host) -> None:
    Path(host.path("foreign")).write_text("not ours")
    host.deliver({"a": "one", "b": "two"})
    assert host.deliver({"b": "two"}) == ["a"]
    assert host.everything() == {"b", "foreign"}


def test_a_part_takes_away_its_own_files_only(host: Host) -> None:
    host.deliver({"a": "one"})
    host.deliver({"s": "secret"}, part="secret")
    host.deliver({"a": "one"})
    assert host.everything() == {"a", "s"}
    host.deliver({}, part="secret")
    assert host.everything() == {"a"}


def test_some_files_of_a_part_can_be_delivered_alone(host: Host) -> None:
    host.deliver({"a": "one", "b": "two"}, part="secret")
    assert host.deliver({"b": "three", "c": "four"}, part="secret", keep=True) == ["b", "c"]
    assert host.everything() == {"a", "b", "c"}
    assert host.deliver({"a": "one", "b": "three"}, part="secret") == ["c"], "it was of the part"
    assert host.everything() == {"a", "b"}


def test_the_record_tells_the_digest_of_each_file_to_root_alone(host: Host) -> None:
    host.deliver({"a": "one"})
    record = host.state / applied.NAME
    digest = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
    assert json.loads(record.read_text())["files"] == {"public": {host.path("a"): digest}}
    assert record.stat().st_mode & 0o7777 == 0o600


def test_checking_names_the_changes_and_makes_none(host: Host) -> None:
    host.deliver({"a": "one"})
    assert host.deliver({"b/c": "two"}, ("data",), check=True) == ["b", "data", "b/c", "a"]
    assert host.everything() == {"a"}


def test_checking_works_before_the_user_exists(host: Host) -> None:
    stranger = Attributes(0o644, "nobody-has-this-name", "nobody-has-this-name")
    wished = WishedFile(host.path("a"), b"one", stranger)
    delivery = Delivery(str(host.state), "public", (), (wished,), check=True)
    assert [change.path for change in deliver(delivery)] == [host.path("a")]


def test_a_link_in_the_place_of_a_file_is_replaced_not_followed(host: Host) -> None:
    victim = Path(host.path("victim"))
    victim.write_text("untouched")
    os.symlink(victim, host.path("a"))
    host.deliver({"a": "one"})
    assert victim.read_text() == "untouched"
    assert not os.path.islink(host.path("a"))


@pytest.mark.parametrize(
    ("there", "files", "directories", "sentence"),
    [
        ("a/", {"a": "one"}, (), "a should be a file, but a directory stands there"),
        ("d", {}, ("d",), "d should be a directory, but something else stands there"),
    ],
)
def test_what_stands_in_the_way_is_named(
    host: Host, there: str, files: dict[str, str], directories: tuple[str, ...], sentence: str
) -> None:
    if there.endswith("/"):
        os.mkdir(host.path(there))
    else:
        Path(host.path(there)).touch()
    with pytest.raises(CannotDeliver, match=sentence):
        host.deliver(files, directories)


def test_a_delivery_killed_halfway_is_known_to_the_cleaning(host: Host) -> None:
    """A directory in the way of the second file stops the delivery after the first."""
    os.mkdir(host.path("b"))
    with pytest.raises(CannotDeliver):
        host.deliver({"new/a": "one", "b": "two"})
    Path(partial_path(host.path("new/a"))).write_text("a write that was killed")
    os.rmdir(host.path("b"))
    clean(str(host.state), [])
    assert host.everything() == set()


def test_cleaning_leaves_the_host_as_it_was(host: Host) -> None:
    os.makedirs(host.path("etc/system"))
    Path(host.path("etc/system/foreign")).write_text("not ours")
    before = host.everything()
    host.deliver({"etc/system/ours": "x", "conf.d/ours": "x", "data/mine": "x"}, ("data",))
    host.deliver({"private/key": "x"}, part="secret")
    Path(host.path("data/topic")).write_text("made by the broker")
    os.makedirs(host.path("opt/dist/libs"))
    clean(str(host.state), [host.path("opt")])
    assert host.everything() == before
    assert not host.state.exists()


def test_cleaning_keeps_an_implied_directory_that_others_use(host: Host) -> None:
    host.deliver({"conf.d/ours": "x"})
    Path(host.path("conf.d/theirs")).write_text("theirs")
    clean(str(host.state), [])
    assert host.everything() == {"conf.d", "conf.d/theirs"}


NAMES = st.sampled_from(["a", "b", "c/d", "c/e", "f/g/h"])
WISHES = st.dictionaries(NAMES, st.text(max_size=3), max_size=5)


@settings(deadline=None, max_examples=20)
@given(wishes=st.lists(WISHES, min_size=1, max_size=5))
def test_any_series_of_deliveries_ends_with_the_last_wish(
    tmp_path_factory: pytest.TempPathFactory, wishes: list[dict[str, str]]
) -> None:
    host = Host(tmp_path_factory.mktemp("host"))
    for wish in wishes:
        host.deliver(wish)
        assert host.deliver(wish) == []
    found = {name for name in host.everything() if os.path.isfile(host.path(name))}
    assert {name: host.text(name) for name in found} == wishes[-1]
    clean(str(host.state), [])
    assert host.everything() == set()
