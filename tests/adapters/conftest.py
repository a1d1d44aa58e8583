"""Databases for the tests of the records: SQLite, and PostgreSQL where its server is installed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from flows.adapters.records.engine import open_engine
from flows.adapters.records.migrate import upgrade
from tests.adapters import postgresql
from tests.adapters.record_samples import sqlite_url


@pytest.fixture(scope="session")
def postgres() -> Iterator[postgresql.Server]:
    """A server of our own."""
    if not postgresql.is_installed():
        pytest.skip("PostgreSQL's server is not installed; `./fleet test` installs it")
    with postgresql.running_server() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def blank_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of a database without any table."""
    if request.param == "sqlite":
        return sqlite_url(tmp_path)
    server: postgresql.Server = request.getfixturevalue("postgres")
    return server.url_with_password_file()


@pytest.fixture
def blank_again(blank_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """One more database without any table, of the same kind."""
    url = f"sqlite:///{tmp_path / 'again.db'}"
    if blank_url.startswith("postgresql"):
        url = request.getfixturevalue("postgres").url_with_password_file()
    engine = open_engine(url)
    yield engine
    engine.dispose()


@pytest.fixture
def engine(blank_url: str) -> Iterator[Engine]:
    """An empty database, made by the migrations."""
    engine = open_engine(blank_url)
    upgrade(engine)
    yield engine
    engine.dispose()
