"""A control plane of its own for the acceptance tests: home, ports and lab are nobody else's."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from typer.testing import CliRunner

from flows.adapters.site import Doors
from flows.adapters.stage import PlainStage
from flows.domain.errors import EffectFailed, GateTimeout, Refused
from flows.domain.instance import Instance, Machine
from flows.domain.operations import Caller, Door
from flows.doors.catalogue import operation_named
from flows.doors.cli.app import app
from flows.doors.cli.running import parameters
from flows.doors.controlplane.home import login
from flows.doors.schedules import pause_schedules
from flows.doors.wiring import open_doors, open_lab
from flows.procedures.conduct import conduct
from flows.procedures.service import ServiceOperation, serve
from flows.settings import CHECKOUT, Settings, load_settings
from flows.steps.observation import remembered
from inventories.lab import Lab

FLEET = (sys.executable, "-P", "-m", "flows.doors.cli")


@dataclass(frozen=True)
class Plane:
    """The `fleet` command with an environment of its own."""

    environment: Mapping[str, str]

    @cached_property
    def settings(self) -> Settings:
        """What the command reads from its environment."""
        return load_settings(self.environment)

    @cached_property
    def lab(self) -> Lab:
        """The lab of this control plane."""
        return open_lab(self.settings, lambda line: None)

    @cached_property
    def doors(self) -> Doors:
        """The same adapters that the control plane's own processes use."""
        return open_doors(self.settings, lambda line: None)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """The command, running."""
        return subprocess.Popen(
            [*FLEET, *arguments],
            cwd=CHECKOUT,
            env={**os.environ, **self.environment},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def fleet(self, *arguments: str, limit: float = 900) -> subprocess.CompletedProcess[str]:
        """The command, ended."""
        process = self.start(*arguments)
        try:
            out, err = process.communicate(timeout=limit)
        finally:
            process.kill()
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def succeeds(self, *arguments: str) -> str:
        """The command, ended well; its output."""
        done = self.fleet(*arguments)
        assert done.returncode == 0, f"{arguments}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    def json(self, *arguments: str) -> Any:
        """What the command prints with `--json`, without another process."""
        done = CliRunner().invoke(app, [*arguments, "--json"], env=self.environment)
        assert done.exit_code == 0, f"{arguments}: {done.exception!r}\n{done.output}"
        return json.loads(done.stdout)

    def ask(self, operation: str, *wish: str) -> str:
        """What the operation says at its end, through the door of Python.

        It does all that the command's run does, but Python need not be started twice for it.
        """
        found, raw = operation_named(operation), parameters(wish)
        run = self.doors.processes.here(str(uuid4()), "none")
        caller = Caller("a test", Door.PYTHON, run)
        carry_out: Any = serve if isinstance(found, ServiceOperation) else conduct
        with self.blocks_at_hand():
            return str(carry_out(found, self.doors, raw, caller, PlainStage()).sentence)

    def refused(self, operation: str, *wish: str) -> str:
        """The sentence with which the wish is refused."""
        with pytest.raises(Refused) as caught:
            self.ask(operation, *wish)
        return str(caught.value)

    def fails(self, operation: str, *wish: str) -> str:
        """What is said by an operation that began and could not be carried out."""
        with pytest.raises((EffectFailed, GateTimeout)) as caught:
            self.ask(operation, *wish)
        return str(caught.value)

    def pause_schedules(self) -> None:
        """Nothing runs by itself any more: a test does what a schedule would, when it needs it."""
        pause_schedules(self.settings)

    @contextmanager
    def blocks_at_hand(self) -> Iterator[None]:
        """Secrets that a command left with Prefect are found, as an engine finds them."""
        from prefect.settings import (  # noqa: PLC0415 (it takes seconds)
            PREFECT_API_AUTH_STRING,
            PREFECT_API_URL,
            temporary_settings,
        )

        here = {
            PREFECT_API_URL: self.settings.prefect_api,
            PREFECT_API_AUTH_STRING: login(self.settings),
        }
        with temporary_settings(here):
            yield

    def instance(self, name: str) -> Instance:
        """The instance as the control plane knows it."""
        row = self.doors.records.find(name)
        assert row is not None
        return remembered(self.doors, row)

    def instance_machines(self, name: str) -> tuple[Machine, ...]:
        """The machines of an instance, as recorded."""
        row = self.doors.records.find(name)
        return self.doors.records.machines(row.id) if row else ()

    def machine_namespace(self, machine: str) -> str:
        """The network namespace of a machine of the lab."""
        return f"kf{self.lab.status().slot}-m-{machine}"


def new_plane(home: Path, lab: str = "acceptance") -> Plane:
    """A control plane that is not started yet; only its home is there. Its lab is its own."""
    home.mkdir(parents=True)
    return Plane(
        {
            "FLEET_HOME": str(home),
            "FLEET_LAB": f"{lab}-{os.getpid()}",
            "FLEET_PREFECT_PORT": str(_free_port()),
        }
    )


def wait_until(condition: Callable[[], Any], words: str, limit: float = 120) -> Any:
    """The first true answer of the condition; the test fails after `limit` seconds."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        found = condition()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {limit} s until {words}, in vain")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
