"""Two ask for the same instance at the same moment, through two doors: one has it."""

from __future__ import annotations

import re

import pytest

from flows.doors.cli.running import start
from flows.doors.follow import RunSeen, follow
from flows.doors.prefect_api import deployment, ui_link
from flows.doors.wiring import open_records
from tests.doors import races
from tests.doors.conftest import ControlPlane

ROUNDS = 2


def test_one_of_two_doors_has_the_instance_and_the_other_is_refused_by_name(
    control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All rounds at once, so that the moments differ from round to round."""
    monkeypatch.setenv("SUDO_USER", "ann")
    pairs = [_ask_twice(control_plane, f"race-{number}") for number in range(ROUNDS)]
    seen = follow(control_plane.api, [run for pair in pairs for run in pair], lambda runs: None)
    ends = {run.id: run for run in seen}
    for number, pair in enumerate(pairs):
        _check(control_plane, f"race-{number}", [ends[run] for run in pair])


def _ask_twice(control_plane: ControlPlane, name: str) -> tuple[str, str]:
    """The runs of a command and of the UI."""
    api, race = control_plane.api, races.race
    by_command = start(api, race, {"name": name})
    id = deployment(api, race.name, race.title)["id"]
    wish = {"parameters": {"request": {"name": name}}}
    return by_command, str(api.post(f"/deployments/{id}/create_flow_run", wish)["id"])


def _check(control_plane: ControlPlane, name: str, ends: list[RunSeen]) -> None:
    messages = [(end.state_name, end.message) for end in ends]
    assert races.WON in [message for _, message in messages], messages
    (winner,) = [end for end in ends if end.message == races.WON]
    (loser,) = [end for end in ends if end.state_name == "Refused"]
    records = open_records(control_plane.settings)
    history = records.history(name)
    assert [line.held for line in history].count(True) == 1, history
    (held,) = [line for line in history if line.held]
    assert held.caller.run.id == winner.id
    link = ui_link(control_plane.settings, winner.id)
    assert re.fullmatch(
        rf'instance "{name}": race-to-create is running on it, asked for by '
        rf"{held.caller.asked_by}, started [^,]* UTC, see {link}; "
        "one changing operation at a time is accepted",
        loser.message,
    )
    assert records.find(name) is None
