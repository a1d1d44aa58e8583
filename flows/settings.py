"""Where this control plane lives and listens; from `FLEET_HOME/settings.toml` and the environment.

Every setting can be given as `FLEET_<NAME>`; the environment wins. Two checkouts run side by
side when they differ in `home`, `prefect_port` and `lab`.
"""

from __future__ import annotations

import hashlib
import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

CHECKOUT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Settings:
    """All settings; paths are absolute, ports are TCP ports on loopback."""

    home: Path
    prefect_port: int = 4210
    lab: str = ""
    """Name of the lab; empty: one of this home's own."""
    lab_root: Path = Path("/var/lib/kafka-fleet")
    lab_network: str = "198.18.0.0/15"
    cache: Path = Path("/var/cache/kafka-fleet")
    quota_instances: int = 100
    quota_brokers: int = 1000
    quota_storage_gb: int = 1_500_000
    """What all instances together may be; `fleet quotas` shows what they are."""
    database: str = ""
    """URL of the records, without a password; empty: SQLite in `home`."""
    hosts: str = ""
    """Path of a list of own machines (`inventories/hosts/example.yml`); empty: there are none."""
    audit_days: int = 7
    """How long a line of the audit is kept."""
    backups: str = ""
    """Directory of the scheduled backups; empty: within `home`."""
    backups_kept: int = 7

    @property
    def secrets(self) -> Path:
        """What the control plane needs to start: keys and logins (0700, files 0600)."""
        return self.home / "secrets"

    @property
    def uploads(self) -> Path:
        """Files that people lay down for the product to take, by their name (0700)."""
        return self.home / "uploads"

    @property
    def logs(self) -> Path:
        """One log file per process of the control plane."""
        return self.home / "logs"

    @property
    def run(self) -> Path:
        """Process ids and sockets of what runs now."""
        return self.home / "run"

    @property
    def database_url(self) -> str:
        """SQLAlchemy's URL of the records; PostgreSQL's password comes from `pgpass`, if any."""
        if not self.database:
            return f"sqlite:///{self.home / 'records.db'}"
        if not self.pgpass.exists():
            return self.database
        return f"{self.database}{'&' if '?' in self.database else '?'}passfile={self.pgpass}"

    @property
    def pgpass(self) -> Path:
        """PostgreSQL's password file, in the format of libpq's `~/.pgpass` (0600)."""
        return self.secrets / "pgpass"

    @property
    def backups_directory(self) -> Path:
        """Where the scheduled backups are kept."""
        return Path(self.backups) if self.backups else self.home / "backups"

    @property
    def prefect_api(self) -> str:
        """The address of Prefect's API."""
        return f"http://127.0.0.1:{self.prefect_port}/api"


def load_settings(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process; an unknown or malformed one is a ValueError."""
    home = Path(environment.get("FLEET_HOME", CHECKOUT / ".fleet")).absolute()
    given: dict[str, Any] = {**_from_file(home / "settings.toml"), **_from(environment)}
    given.pop("home", None)
    settings = Settings(home=home, **{name: _typed(name, text) for name, text in given.items()})
    _check_database(settings)
    if settings.audit_days < 1:
        raise ValueError(f"settings: audit_days {settings.audit_days}: 1 or more is accepted")
    _check_hosts(settings)
    return settings if settings.lab else replace(settings, lab=_own_lab(home))


def as_toml(settings: Settings) -> str:
    """The settings as `settings.toml` holds them; the home is where the file lies."""
    values = {field.name: getattr(settings, field.name) for field in fields(Settings)}
    del values["home"]
    shown = {
        name: value if isinstance(value, int) else str(value) for name, value in values.items()
    }
    return "".join(f"{name} = {json.dumps(value)}\n" for name, value in shown.items())


def _check_database(settings: Settings) -> None:
    scheme = urlsplit(settings.database).scheme
    if scheme not in ("", "sqlite", "postgresql+psycopg"):
        raise ValueError(
            f'settings: database "{scheme}://...": accepted are '
            "postgresql+psycopg://USER@HOST/DATABASE and sqlite:////PATH"
        )
    if urlsplit(settings.database).password is not None or "password=" in settings.database:
        raise ValueError(
            "settings: database: a password in the URL (not shown) can be read by others; accepted "
            f"is one in {settings.pgpass}, a line HOST:PORT:DATABASE:USER:PASSWORD, mode 0600"
        )


def _check_hosts(settings: Settings) -> None:
    # Several processes with directories of their own read it.
    if settings.hosts and not Path(settings.hosts).is_absolute():
        raise ValueError(f'settings: hosts "{settings.hosts}": an absolute path is accepted')


def _own_lab(home: Path) -> str:
    # Two homes never share a lab by accident: `fleet clean` of one would remove the other's.
    return f"fleet-{hashlib.sha256(str(home).encode()).hexdigest()[:6]}"


def _from_file(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text()) if path.exists() else {}


def _from(environment: Mapping[str, str]) -> dict[str, str]:
    names = {field.name for field in fields(Settings)}
    pairs = {key.removeprefix("FLEET_").lower(): text for key, text in environment.items()
             if key.startswith("FLEET_")}  # fmt: skip
    return {name: text for name, text in pairs.items() if name in names}


def _typed(name: str, value: Any) -> Any:
    kinds = {field.name: str(field.type) for field in fields(Settings)}
    if name not in kinds:
        raise ValueError(f"settings: there is no setting {name}; known are {', '.join(kinds)}")
    if kinds[name] == "int" and not str(value).isdecimal():
        raise ValueError(f'settings: {name} "{value}": a whole number is accepted')
    return {"int": int, "Path": Path}.get(kinds[name], str)(value)
