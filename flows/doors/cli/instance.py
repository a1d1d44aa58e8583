"""`fleet logs`, `credentials`, `bundle`, `disk` and clients' certificates: what people need of one
instance.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from flows.domain.disk_usage import Selection
from flows.domain.errors import refusal
from flows.doors.asker import at_the_terminal
from flows.doors.cli.output import print_json, print_table
from flows.doors.wiring import open_doors
from flows.queries.access import access
from flows.queries.bundle import bundle
from flows.queries.client_certificates import Asked, client_certificates, hand_out
from flows.queries.credentials import credentials
from flows.queries.disk import disk
from flows.queries.dnat import dnat
from flows.queries.drift import drift
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


def print_access(name: str, *, as_json: bool) -> int:
    """The ways of clients are printed; 1 unless the right broker answers at each."""
    found = access(open_doors(load_settings(), quietly), name)
    if as_json:
        print_json(found)
    else:
        from flows.queries.render_access import access_table  # noqa: PLC0415

        print_table(access_table(found))
    return 0 if all(line["good"] for line in found["lines"]) else 1


def print_drift(name: str, *, as_json: bool) -> int:
    """Differences between wish and world are printed; 1 when there are any."""
    found = drift(open_doors(load_settings(), quietly), name)
    if as_json:
        print_json(found)
    else:
        from flows.queries.render_drift import drift_table  # noqa: PLC0415

        print_table(drift_table(found))
    return 1 if found else 0


def print_dnat(name: str, *, as_json: bool) -> int:
    """The rules on the gateways are printed; 1 unless every one is as it is to be."""
    found = dnat(open_doors(load_settings(), quietly), name)
    if as_json:
        print_json(found)
    else:
        from flows.queries.render_dnat import dnat_table  # noqa: PLC0415

        print_table(dnat_table(found))
    return 0 if all(line["good"] for line in found) else 1


def print_client_certificates(name: str, *, as_json: bool) -> None:
    """The certificates that were issued to clients are printed."""
    found = client_certificates(open_doors(load_settings(), quietly), name)
    if as_json:
        print_json(found)
        return
    from flows.queries.render import client_certificates_table  # noqa: PLC0415

    print_table(client_certificates_table(found))


def write_client_certificate(name: str, asked: Asked, directory: Path) -> None:
    """The bundle of the certificate lies in a new directory that only its owner can read."""
    if directory.exists() and any(directory.iterdir()):
        raise refusal("output", str(directory), "a directory that is new or empty is accepted")
    asker = at_the_terminal()
    found = hand_out(
        open_doors(load_settings(), quietly),
        name,
        asked,
        (asker.name, asker.door),
        lambda files: write_secretly(directory, files),
    )
    print(
        f"certificate {found.number} of {found.user} lies in {directory} with its key, which is "
        "nowhere else now; README.txt says how to use it"
    )


def write_secretly(directory: Path, files: Mapping[str, bytes]) -> None:
    """The files lie in the directory, surely on disk, readable by their owner alone."""
    directory.mkdir(parents=True, exist_ok=True)
    directory.chmod(0o700)
    for path, content in files.items():
        target = directory / path
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with open(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())


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
