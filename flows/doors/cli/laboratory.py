"""`fleet lab ...`: the lab's own commands, on the lab of this home."""

from __future__ import annotations

from collections.abc import Sequence

from flows.settings import load_settings


def pass_on(arguments: Sequence[str]) -> None:
    """The lab's command does the rest; its options stand before the home's settings."""
    from inventories.lab.cli import app  # noqa: PLC0415

    settings = load_settings()
    ours = ["--lab", settings.lab, "--root", str(settings.lab_root), "--cache", str(settings.cache)]
    app([*ours, *arguments], prog_name="fleet lab")
