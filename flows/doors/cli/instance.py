"""`fleet logs`, `credentials` and `bundle`: what people need of one instance."""

from __future__ import annotations

from pathlib import Path

from flows.doors.asker import at_the_terminal
from flows.doors.cli.output import print_json
from flows.doors.wiring import open_doors
from flows.queries.bundle import bundle
from flows.queries.credentials import credentials
from flows.queries.logs import logs
from flows.settings import load_settings


def print_logs(name: str, broker: int | None, wish: tuple[str, str, bool]) -> None:
    """The lines are printed, each with its broker in front when there are several."""
    doors = open_doors(load_settings(), quietly)
    for line in logs(doors, name, broker, wish):
        print(line, flush=True)


def print_credentials(name: str, *, as_json: bool) -> None:
    """User and password are printed; the audit knows who asked."""
    doors = open_doors(load_settings(), quietly)
    asker = at_the_terminal()
    found = credentials(doors, name, asker.name, asker.door)
    if as_json:
        print_json(found)
    else:
        print(f"user      {found['user']}\npassword  {found['password']}")


def write_bundle(name: str, directory: Path) -> None:
    """The files of the client bundle lie in the directory."""
    for path, content in bundle(open_doors(load_settings(), quietly), name).items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def quietly(line: str) -> None:
    """What adapters say while they answer a question is nothing to read."""
