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


POSTGRES = "postgresql+psycopg://fleet@db.example.org/fleet"


def test_the_password_of_postgresql_comes_from_a_file_if_there_is_one(tmp_path: Path) -> None:
    settings = load_settings({"FLEET_HOME": str(tmp_path), "FLEET_DATABASE": POSTGRES})
    assert settings.database_url == POSTGRES
    settings.secrets.mkdir()
    settings.pgpass.touch(mode=0o600)
    assert settings.database_url == f"{POSTGRES}?passfile={tmp_path}/secrets/pgpass"
    with_socket = load_settings(
        {"FLEET_HOME": str(tmp_path), "FLEET_DATABASE": f"{POSTGRES}?host=/run/postgresql"}
    )
    assert with_socket.database_url.endswith(f"&passfile={tmp_path}/secrets/pgpass")


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://fleet:Secret-1@db.example.org/fleet",
        "postgresql+psycopg://db.example.org/fleet?user=fleet&password=Secret-1",
    ],
)
def test_a_password_in_the_url_is_refused_and_not_repeated(tmp_path: Path, url: str) -> None:
    with pytest.raises(ValueError, match="a password in the URL") as refused:
        load_settings({"FLEET_HOME": str(tmp_path), "FLEET_DATABASE": url})
    assert "Secret-1" not in str(refused.value)
    assert f"{tmp_path}/secrets/pgpass" in str(refused.value)


def test_another_database_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r'database "mysql://\.\.\.": accepted are postgresql'):
        load_settings({"FLEET_HOME": str(tmp_path), "FLEET_DATABASE": "mysql://h/d"})


def test_the_audit_is_kept_for_a_day_at_least(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="audit_days 0: 1 or more is accepted"):
        load_settings({"FLEET_HOME": str(tmp_path), "FLEET_AUDIT_DAYS": "0"})
