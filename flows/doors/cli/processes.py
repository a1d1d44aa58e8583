"""`fleet up`, `down`, `status` and `clean`."""

from __future__ import annotations

from dataclasses import asdict

import typer
from rich.table import Table

from flows.doors.cli.output import print_json, print_table
from flows.doors.controlplane.progress import StepLines
from flows.doors.controlplane.status import ControlPlane, status
from flows.settings import load_settings


def start(*, with_lab: bool) -> None:
    """The control plane runs."""
    from flows.doors.controlplane.up import up  # noqa: PLC0415

    up(load_settings(), StepLines(), with_lab=with_lab)


def stop(*, now: bool) -> None:
    """The control plane is down."""
    from flows.doors.controlplane.down import down  # noqa: PLC0415

    down(load_settings(), StepLines(), now=now)


def show(*, as_json: bool) -> None:
    """The processes are shown; exit 1 when one is down."""
    seen = status(load_settings())
    if as_json:
        print_json({**asdict(seen), "up": seen.up, "memory_mb": seen.memory_mb})
    else:
        print_table(_table(seen))
        print(f"UI {seen.ui}  login: cat {seen.login_file}")
    raise typer.Exit(0 if seen.up else 1)


def remove_all(*, ask: bool) -> None:
    """Nothing of the product is left but its packages and its checkout."""
    from flows.doors.controlplane.clean import removals, staying  # noqa: PLC0415

    settings = load_settings()
    found = removals(settings)
    if sentence := staying(settings):
        print(sentence)
    if not found:
        print("there is nothing to remove")
        return
    print("This will be removed:")
    for removal in found:
        print(f"  - {removal.name}: {removal.what}")
    if ask:
        typer.confirm("Remove all of it? Data cannot be brought back.", abort=True)
    lines = StepLines()
    for removal in found:
        with lines.step(f"remove {removal.name}"):
            removal.remove()


def _table(seen: ControlPlane) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("process", "state", "pid", "memory", "up for", "log"):
        table.add_column(column, overflow="fold")
    for line in seen.processes:
        if line.pid is None:
            table.add_row(line.name, "down", "-", "-", "-", line.log)
            continue
        # The server can live and yet not answer, for instance while it starts.
        state = "silent" if line.name == "server" and not seen.answers else "up"
        memory, lasted = f"{line.memory_mb:.0f} MB", _lasted(line.seconds)
        table.add_row(line.name, state, str(line.pid), memory, lasted, line.log)
    table.add_row("all", "", "", f"{seen.memory_mb:.0f} MB", "", "")
    return table


def _lasted(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h" if days else f"{hours}:{minutes:02}:{rest:02}"
