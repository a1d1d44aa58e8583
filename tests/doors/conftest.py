"""A control plane of its own for these tests: real processes, a home and a port of their own."""

from __future__ import annotations

import io
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from flows.doors.controlplane.down import down
from flows.doors.controlplane.processes import Process, remembered
from flows.doors.controlplane.programs import names, pid_file
from flows.doors.controlplane.progress import StepLines
from flows.doors.controlplane.up import up
from flows.doors.deployments import deployments, register
from flows.doors.prefect_api import PrefectApi, open_api
from flows.settings import CHECKOUT, Settings, load_settings
from tests.doors import races, toys


@dataclass(frozen=True)
class ControlPlane:
    """A running control plane and an open connection to its API."""

    settings: Settings
    api: PrefectApi

    def process(self, name: str) -> Process:
        """The living process of that name."""
        found = remembered(pid_file(self.settings, name))
        assert found is not None, f"{name} is down"
        return found


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    """Server and worker run, with the toy registered; nothing of them is left afterwards."""
    with pytest.MonkeyPatch.context() as patch:
        settings = _own_settings(patch, tmp_path_factory.mktemp("fleet"))
        try:
            up(settings, StepLines(io.StringIO()), with_lab=False)
            with open_api(settings) as api:
                register(api, [*deployments(), toys.DEPLOYMENT, races.DEPLOYMENT])
                yield ControlPlane(settings, api)
        finally:
            down(settings, StepLines(io.StringIO()), now=True)
            left = [name for name in names() if remembered(pid_file(settings, name))]
            assert not left, f"still running: {left}"


def _own_settings(patch: pytest.MonkeyPatch, directory: Path) -> Settings:
    for name in [key for key in os.environ if key.startswith(("FLEET_", "PREFECT_"))]:
        patch.delenv(name)
    patch.setenv("FLEET_HOME", str(directory / "home"))
    patch.setenv("FLEET_PREFECT_PORT", str(_free_port()))
    patch.setenv("FLEET_LAB", "doors-tests")
    patch.setenv("FLEET_LAB_ROOT", str(directory / "lab"))
    patch.setenv("FLEET_CACHE", str(directory / "cache"))
    # Engines must find the toy, which is no part of the installed program.
    patch.setenv("PYTHONPATH", str(CHECKOUT))
    return load_settings()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
