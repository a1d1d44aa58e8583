"""A PostgreSQL server of Debian's package, for the tests alone.

It listens on a socket in a directory of its own, asks for a password, and belongs to an
unprivileged user, because it does not run as root.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import psycopg

PROGRAMS = Path("/usr/lib/postgresql")
USER, PASSWORD = "fleet", "Postgres-Only-For-Tests"
START_SECONDS = 30.0
STOP_SECONDS = 20.0
_NUMBERS = count(1)


@dataclass(frozen=True)
class Server:
    """A running server; databases in it are made for one test each."""

    directory: Path

    @property
    def pgpass(self) -> Path:
        """The password file that its user needs."""
        return self.directory / "pgpass"

    def new_url(self) -> str:
        """The URL of an empty database, without the password."""
        name = f"records_{next(_NUMBERS)}"
        with psycopg.connect(self._conninfo("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return f"postgresql+psycopg://{USER}@/{name}?host={self.directory}"

    def url_with_password_file(self) -> str:
        """The same as a control plane uses it."""
        return f"{self.new_url()}&passfile={self.pgpass}"

    def wait(self) -> None:
        """It takes connections."""
        limit = time.monotonic() + START_SECONDS
        while True:
            try:
                psycopg.connect(self._conninfo("postgres")).close()
                return
            except psycopg.OperationalError as error:
                if time.monotonic() > limit:
                    raise AssertionError(f"PostgreSQL did not start: {error}") from error
                time.sleep(0.05)

    def _conninfo(self, database: str) -> str:
        return f"host={self.directory} user={USER} dbname={database} passfile={self.pgpass}"


def is_installed() -> bool:
    """Whether Debian's server package is there."""
    return _program("postgres") is not None


@contextmanager
def running_server() -> Iterator[Server]:
    """A server of its own; its process and its directory are gone afterwards."""
    with _directory() as directory:
        server = Server(directory)
        _write_password(server)
        _run(directory, "initdb", "--username", USER, "--pwfile", str(directory / "password"))
        process = _start(directory)
        try:
            server.wait()
            yield server
        finally:
            process.send_signal(signal.SIGQUIT)
            process.wait(STOP_SECONDS)


@contextmanager
def _directory() -> Iterator[Path]:
    # Not pytest's: nobody but root may enter that, and a socket's path must be short.
    directory = Path(tempfile.mkdtemp(prefix="kafka-fleet-pg-"))
    try:
        if os.geteuid() == 0:
            shutil.chown(directory, "postgres", "postgres")
        yield directory
    finally:
        shutil.rmtree(directory)


def _write_password(server: Server) -> None:
    server.pgpass.touch(mode=0o600)
    server.pgpass.write_text(f"*:*:*:{USER}:{PASSWORD}\n")
    given = server.directory / "password"
    given.touch(mode=0o644)
    given.write_text(PASSWORD)


def _run(directory: Path, program: str, *arguments: str) -> None:
    command = [*_argv(directory, program), "--auth=scram-sha-256", "--no-sync", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def _start(directory: Path) -> subprocess.Popen[bytes]:
    settings = {
        "listen_addresses": "",
        "unix_socket_directories": str(directory),
        "fsync": "off",
        "shared_buffers": "16MB",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    log = (directory / "log").open("wb")
    with log:
        return subprocess.Popen([*_argv(directory, "postgres"), *options], stdout=log, stderr=log)


def _argv(directory: Path, program: str) -> list[str]:
    path = _program(program)
    assert path is not None
    data = ["-D", str(directory / "data")]
    user = ("--reuid=postgres", "--regid=postgres", "--clear-groups") if os.geteuid() == 0 else ()
    # A test run that is killed takes its server along.
    return ["setpriv", "--pdeathsig", "QUIT", *user, str(path), *data]


def _program(name: str) -> Path | None:
    found = sorted(PROGRAMS.glob(f"*/bin/{name}"), key=lambda path: int(path.parts[-3]))
    return found[-1] if found else None
