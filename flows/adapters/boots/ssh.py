"""Asks hosts over SSH what they would do at their next boot; nothing is changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from flows.adapters.hosts.asking import ask
from flows.adapters.hosts.connection import Unreachable
from flows.adapters.hosts.connections import Connections
from flows.domain.access_seen import AtBoot
from flows.domain.errors import EffectFailed
from flows.domain.instance import Machine
from flows.domain.paths import FIREWALL, FIREWALL_UNIT

_BOOT = Path(__file__).parent / "remote/boot.py"


class SshBoots:
    """Implements `Boots` with the SSH key of an instance."""

    def __init__(self, ssh_key: Callable[[], str]) -> None:
        self._connections = Connections(ssh_key)

    def look(self, machine: Machine) -> AtBoot:
        """One round trip; EffectFailed when the host does not answer."""
        given = {"path": FIREWALL, "unit": FIREWALL_UNIT}
        try:
            told = self._connections.ask(machine, lambda open_: ask(open_, _BOOT, "boot", **given))
        except Unreachable as error:
            raise EffectFailed(str(error)) from None
        return AtBoot(told["file"], told["enabled"])
