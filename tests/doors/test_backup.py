"""A home is saved into one file and brought back elsewhere; every wrong one has its sentence."""

from __future__ import annotations

import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from flows.adapters.backup.recovery_key import RecoveryKey, new_recovery_key
from flows.adapters.records.dump import dump
from flows.adapters.records.engine import open_engine
from flows.domain.errors import EffectFailed, Refused
from flows.domain.operations import Door
from flows.doors.asker import Asker
from flows.doors.controlplane.backup import (
    back_up,
    back_up_into_directory,
    has_recovery_key,
    make_recovery_key,
)
from flows.doors.controlplane.home import encryption_key, is_ours, login, prepare_home
from flows.doors.controlplane.restore import restore
from flows.doors.wiring import open_records, open_secrets, upgrade_records
from flows.settings import Settings, as_toml, load_settings
from tests.adapters.record_samples import instance

ADA = Asker("ada", Door.CLI)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A home with an instance and its secret; the environment has no setting of ours."""
    for name in [each for each in os.environ if each.startswith("FLEET_")]:
        monkeypatch.delenv(name)
    settings = load_settings({"FLEET_HOME": str(tmp_path / "home"), "FLEET_PREFECT_PORT": "4999"})
    prepare_home(settings)
    (settings.home / "settings.toml").write_text(as_toml(settings))
    upgrade_records(settings)
    login(settings)
    encryption_key(settings)
    open_records(settings).add(instance("aaaa1111", "demo"))
    open_secrets(settings).put("aaaa1111", "ssh-key", "the key")
    return settings


@pytest.fixture
def key(settings: Settings) -> str:
    """The recovery key, as it was shown."""
    shown: list[RecoveryKey] = []
    make_recovery_key(settings, shown.append)
    return shown[0].text()


@pytest.fixture
def file(settings: Settings, key: str, tmp_path: Path) -> Path:
    """A backup."""
    return back_up(settings, tmp_path / "b.backup", ADA).path


def elsewhere(settings: Settings) -> Settings:
    """A home where nothing is."""
    return replace(settings, home=settings.home.parent / "new" / "home")


def everything(home: Path) -> dict[str, bytes]:
    """All files of a directory."""
    return {str(path): path.read_bytes() for path in home.rglob("*") if path.is_file()}


def test_what_was_saved_is_there_in_the_new_home(settings: Settings, file: Path, key: str) -> None:
    there = elsewhere(settings)
    done = restore(there, file, key, ADA)
    assert done.instances == 1
    loaded = load_settings({"FLEET_HOME": str(there.home)})
    assert loaded == there
    (row,) = open_records(loaded).living()
    assert row.wish.name == "demo"
    assert open_secrets(loaded).get("aaaa1111", "ssh-key") == "the key"
    assert (login(loaded), encryption_key(loaded)) == (login(settings), encryption_key(settings))
    assert is_ours(there.home)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (there.home, *there.home.rglob("*"))}
    assert modes <= {0o700, 0o600}
    assert list(there.home.parent.iterdir()) == [there.home]
    (backed_up,) = open_records(settings).traces()
    (restored,) = open_records(loaded).traces()
    assert (backed_up.name, backed_up.who) == ("backUpControlPlaneSuccess", "ada")
    assert restored.name == "restoreControlPlaneSuccess"
    assert back_up(loaded, file.with_name("again.backup"), ADA).key == _key_of(file)


def _key_of(file: Path) -> str:
    from flows.adapters.backup.sealed import read_sealed  # noqa: PLC0415

    return read_sealed("b", file.read_bytes()).key


def test_an_empty_directory_is_accepted_and_the_environment_wins(
    settings: Settings, file: Path, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    there = elsewhere(settings)
    there.home.mkdir(parents=True)
    monkeypatch.setenv("FLEET_PREFECT_PORT", "4998")
    restore(there, file, key, ADA)
    monkeypatch.delenv("FLEET_PREFECT_PORT")
    assert load_settings({"FLEET_HOME": str(there.home)}).prefect_port == 4998


def test_the_file_is_private_and_shows_nothing(settings: Settings, file: Path, key: str) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    content = file.read_bytes()
    master = (settings.secrets / "master.key").read_bytes().strip()
    assert not [secret for secret in (b"demo", master, key.encode()) if secret in content]
    assert key.encode() not in b"".join(everything(settings.home).values())


def test_a_file_is_never_written_over(settings: Settings, file: Path) -> None:
    before = file.read_bytes()
    with pytest.raises(Refused) as caught:
        back_up(settings, file, ADA)
    assert str(caught.value) == f'output "{file}": there is such a file; a new name is accepted'
    assert file.read_bytes() == before


def test_there_must_be_a_directory_a_key_and_records(settings: Settings, tmp_path: Path) -> None:
    nowhere = tmp_path / "no" / "b.backup"
    with pytest.raises(Refused, match=r"there is no directory .*; an existing one is accepted"):
        back_up(settings, nowhere, ADA)
    with pytest.raises(Refused) as caught:
        back_up_into_directory(settings, ADA)
    assert str(caught.value) == (
        "recovery_key: there is none yet, so nobody could read the backup; `fleet backup -o FILE` "
        "makes one and shows it"
    )
    assert not has_recovery_key(settings)
    with pytest.raises(EffectFailed, match="`fleet up` makes them"):
        make_recovery_key(elsewhere(settings), lambda key: pytest.fail("a key was shown"))


@pytest.mark.parametrize("damage", ["cut", "foreign", "key", "missing", "slip"])
def test_a_refused_restore_changes_nothing(
    settings: Settings, file: Path, key: str, damage: str
) -> None:
    content = file.read_bytes()
    sentences = {
        "cut": "so it was cut off or added to",
        "foreign": "it is not a backup of kafka-fleet",
        "key": "it is the key .*, but backup .* was made for the key",
        "missing": "it cannot be read",
        "slip": "it is not a recovery key, or a character of it is wrong",
    }
    if damage == "cut":
        file.write_bytes(content[:-100])
    elif damage == "foreign":
        file.write_bytes(b"not ours")
    elif damage == "missing":
        file.unlink()
    elif damage == "key":
        key = new_recovery_key().text()
    else:
        key = key[:-1]
    there = elsewhere(settings)
    with pytest.raises(Refused, match=sentences[damage]):
        restore(there, file, key, ADA)
    assert not there.home.exists()
    assert not there.home.parent.exists() or list(there.home.parent.iterdir()) == []


def test_a_home_in_use_is_refused(settings: Settings, file: Path, key: str) -> None:
    before = everything(settings.home)
    with pytest.raises(Refused) as caught:
        restore(settings, file, key, ADA)
    assert str(caught.value) == (
        f'FLEET_HOME "{settings.home}": it is not empty; a backup is restored into a new or an '
        "empty directory"
    )
    assert everything(settings.home) == before


def test_so_many_backups_are_kept(settings: Settings, key: str) -> None:
    settings = replace(settings, backups_kept=2)
    directory = settings.backups_directory
    directory.mkdir()
    for day in (1, 2, 3):
        (directory / f"kafka-fleet-2026010{day}T031700Z.backup").touch()
    (directory / "mine.txt").touch()
    done = back_up_into_directory(settings, Asker("schedule", Door.SCHEDULE))
    assert sorted(directory.iterdir()) == sorted(
        [directory / "kafka-fleet-20260103T031700Z.backup", done.path, directory / "mine.txt"]
    )
    assert open_records(settings).traces()[-1].door == "schedule"


def test_backups_do_not_hold_each_other(settings: Settings, key: str, tmp_path: Path) -> None:
    back_up(settings, settings.home / "mine.backup", ADA)
    back_up_into_directory(settings, ADA)
    there = elsewhere(settings)
    restore(there, back_up(settings, tmp_path / "b.backup", ADA).path, key, ADA)
    assert not list(there.home.rglob("*.backup"))


def test_records_in_another_database_must_be_empty(
    settings: Settings, file: Path, key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    used = open_engine(f"sqlite:///{settings.home / 'records.db'}")
    before = dump(used)
    monkeypatch.setenv("FLEET_DATABASE", str(used.url))
    there = elsewhere(settings)
    with pytest.raises(Refused, match="database: it is not empty"):
        restore(there, file, key, ADA)
    assert dump(used) == before
    assert list(there.home.parent.iterdir()) == []
    assert not there.home.exists()
