"""FLEET_HOME belongs to its owner alone, and only what is ours is ever taken for it."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from flows.domain.errors import Refused
from flows.doors.controlplane.clean import removals, staying
from flows.doors.controlplane.home import encryption_key, is_ours, login, prepare_home
from flows.doors.controlplane.prefect_settings import environment, stale_profiles
from flows.settings import Settings
from inventories.lab import slots


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(slots, "CLAIMS", tmp_path / "home" / "claims")
    return Settings(
        home=tmp_path / "home", lab="no-lab", lab_root=tmp_path / "labs", cache=tmp_path / "cache"
    )


def test_nobody_else_can_read_what_lies_there(settings: Settings) -> None:
    prepare_home(settings)
    login(settings)
    encryption_key(settings)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in settings.home.rglob("*")}
    assert all(mode in (0o700, 0o600) for mode in modes.values()), modes
    assert stat.S_IMODE(settings.home.stat().st_mode) == 0o700


def test_login_and_key_are_made_once(settings: Settings) -> None:
    prepare_home(settings)
    first = login(settings), encryption_key(settings)
    assert first == (login(settings), encryption_key(settings))
    assert len({*first}) == 2
    assert first[0].startswith("fleet:")


def test_a_directory_with_other_things_is_refused(settings: Settings) -> None:
    settings.home.mkdir()
    (settings.home / "thesis.txt").write_text("years of work")
    with pytest.raises(Refused) as refused:
        prepare_home(settings)
    assert str(refused.value) == (
        f"FLEET_HOME {settings.home}: the directory holds other things; an empty or a new one is "
        "accepted, because `fleet clean` removes all of it"
    )
    assert not is_ours(settings.home)
    assert removals(settings) == ()


def test_a_settings_file_written_beforehand_is_no_foreign_thing(settings: Settings) -> None:
    settings.home.mkdir()
    (settings.home / "settings.toml").write_text("prefect_port = 4999\n")
    prepare_home(settings)
    assert is_ours(settings.home)


def test_clean_names_what_it_removes_and_takes_nothing_beside(settings: Settings) -> None:
    prepare_home(settings)
    settings.cache.mkdir()
    neighbour = settings.home.parent / "neighbour"
    neighbour.mkdir()
    found = removals(settings)
    assert [(each.name, each.what) for each in found] == [
        ("cache", f"the machines' image and the built distributions in {settings.cache}"),
        ("FLEET_HOME", f"records, keys, certificates, secrets and logs in {settings.home}"),
    ]
    for each in found:
        each.remove()
    assert list(settings.home.parent.iterdir()) == [neighbour]
    assert removals(settings) == ()


def test_a_cache_that_other_labs_use_stays(settings: Settings) -> None:
    settings.cache.mkdir()
    for name in (settings.lab, "neighbour", ".doctor-1"):
        (settings.lab_root / name).mkdir(parents=True)
    assert removals(settings) == ()
    assert staying(settings) == (
        f"the cache {settings.cache} stays, because of other labs: neighbour"
    )


def test_a_cache_that_a_lab_elsewhere_uses_stays(settings: Settings) -> None:
    settings.cache.mkdir()
    elsewhere = settings.lab_root.parent / "elsewhere" / "distant"
    for directory in (elsewhere, slots.CLAIMS):
        directory.mkdir(parents=True)
    (elsewhere / "lab.json").write_text("{}")
    (slots.CLAIMS / "kf0").write_text(str(elsewhere))
    assert removals(settings) == ()
    assert "because of other labs: distant" in staying(settings)


def test_the_environment_of_prefect_holds_no_secret_and_nobody_elses_settings(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepare_home(settings)
    monkeypatch.setenv("PREFECT_API_URL", "http://somewhere.else/api")
    profiles = stale_profiles(settings)
    found = environment(settings, next(iter(profiles)))
    assert "PREFECT_API_URL" not in found
    secrets = (login(settings), login(settings).partition(":")[2], encryption_key(settings))
    assert not [text for text in found.values() if any(secret in text for secret in secrets)]
    assert all(settings.prefect_api in text for text in profiles.values())
    assert not [text for text in profiles.values() if encryption_key(settings) in text]
