"""Settings come from the environment, then from the home's file, then from their defaults."""

from __future__ import annotations

from pathlib import Path

import pytest

from flows.settings import as_toml, load_settings


def test_what_was_written_down_is_read_again(tmp_path: Path) -> None:
    first = load_settings(
        {"FLEET_HOME": str(tmp_path), "FLEET_PREFECT_PORT": "4999", "FLEET_CACHE": "/c"}
    )
    (tmp_path / "settings.toml").write_text(as_toml(first))
    assert load_settings({"FLEET_HOME": str(tmp_path)}) == first
    assert first.prefect_port == 4999
    assert first.cache == Path("/c")


def test_the_environment_wins(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("prefect_port = 4999\n")
    found = load_settings({"FLEET_HOME": str(tmp_path), "FLEET_PREFECT_PORT": "5000"})
    assert found.prefect_port == 5000


def test_two_homes_have_two_labs(tmp_path: Path) -> None:
    labs = {load_settings({"FLEET_HOME": str(tmp_path / name)}).lab for name in ("a", "b")}
    assert len(labs) == 2
    assert all(lab.startswith("fleet-") for lab in labs)


def test_an_unknown_setting_is_named(tmp_path: Path) -> None:
    (tmp_path / "settings.toml").write_text("prefekt_port = 1\n")
    with pytest.raises(ValueError, match="there is no setting prefekt_port"):
        load_settings({"FLEET_HOME": str(tmp_path)})


def test_a_port_that_is_no_number_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match='prefect_port "abc": a whole number is accepted'):
        load_settings({"FLEET_HOME": str(tmp_path), "FLEET_PREFECT_PORT": "abc"})
