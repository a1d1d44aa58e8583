"""`fleet logs`, `credentials`, `bundle` and `disk`: what people need of one instance."""

from __future__ import annotations

from pathlib import Path

from flows.domain.disk_usage import Selection
from flows.doors.asker import at_the_terminal
from flows.doors.cli.output import print_json, print_table
from flows.doors.wiring import open_doors
from flows.queries.bundle import bundle
from flows.queries.credentials import credentials
from flows.queries.disk import disk
from flows.queries.logs import logs
from flows.settings import load_settings


def print_logs(name: str, broker: int | None, wish: tuple[str, str, bool]) -> None:
    """The lines are printed, each with its broker in front when there are several."""
    doors = open_doors(load_settings(), quietly)
    for line in logs(doors, name, broker, wish):
        print(line, flush=True)


def print_credentials(name: str, user: str, *, as_json: bool) -> None:
    """User and password are printed; the audit knows who asked."""
    doors = open_doors(load_settings(), quietly)
    asker = at_the_terminal()
    found = credentials(doors, name, asker.name, asker.door, user)
    if as_json:
        print_json(found)
    else:
        print(f"user      {found['user']}\npassword  {found['password']}")


def print_disk(name: str, selection: Selection, *, as_json: bool) -> None:
    """Disks and topics are printed."""
    found = disk(open_doors(load_settings(), quietly), name, selection)
    if as_json:
        print_json(found)
        return
    from flows.queries.render_disk import disk_page  # noqa: PLC0415

    print_table(disk_page(found))


def write_bundle(name: str, directory: Path) -> None:
    """The files of the client bundle lie in the directory."""
    for path, content in bundle(open_doors(load_settings(), quietly), name).items():
        target = directory / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def quietly(line: str) -> None:
    """What adapters say while they answer a question is nothing to read."""
