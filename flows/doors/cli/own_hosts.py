"""`fleet hosts`: the list of own machines as it stands now."""

from __future__ import annotations

from flows.doors.cli.output import print_json, print_table
from flows.doors.wiring import open_hosts, open_records
from flows.queries.hosts import hosts
from flows.settings import load_settings


def show(*, check: bool, as_json: bool) -> int:
    """Every host is printed, with what is wrong with it; answers the exit code."""
    from flows.queries.render import hosts_table  # noqa: PLC0415

    settings = load_settings()
    provider = open_hosts(settings, print)
    lines = hosts(provider, open_records(settings), check=check)
    if as_json:
        print_json(lines)
    else:
        print_table(hosts_table(lines))
    return 1 if any(line["reasons"] for line in lines) else 0
