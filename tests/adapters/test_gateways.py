"""What is asked of a gateway: rules to be made without a play, all else by one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from flows.adapters.gateways.ssh import Reached, SshGateways
from flows.adapters.site import Play, PlayResult
from flows.domain.dnat import GatewayState, Rule, Translation
from flows.domain.instance import Machine

ONE = (Rule(1, "203.0.113.1", "198.18.0.11"),)
TWO = (*ONE, Rule(2, "203.0.113.2", "198.18.0.12"))
MACHINE = Machine("edge", 0, 0, "192.0.2.1", "", "ssh-ed25519 K")


class Watched(SshGateways):
    """A gateway with a file of rules, and a note of each change that it was asked for."""

    filed: tuple[Rule, ...] = ()
    changes: list[str]

    def look(self, gateway: str, wished: Translation) -> GatewayState:
        """Only what is on file; the kernel has nothing."""
        return GatewayState(gateway, filed=self.filed)

    def _asked(self, gateway: str, question: Callable[[Any], Any]) -> Any:
        self.changes.append("put")
        return ["/etc/a", "/etc/b", "enable a.service"]


class Plays:
    """Implements `Ansible` by noting what is played."""

    def __init__(self, changes: list[str]) -> None:
        self._changes = changes

    def play(self, play: Play) -> PlayResult:
        """Notes it."""
        self._changes.append(play.playbook)
        return PlayResult({"edge": 1})


@pytest.mark.parametrize(
    ("filed", "wished", "changed"),
    [
        ((), TWO, "put"),
        (ONE, TWO, "put"),
        (TWO, TWO, "make_dnat.yml"),
        (TWO, (), "remove_dnat.yml"),
    ],
)
def test_only_rules_that_are_to_be_made_need_no_play(
    filed: tuple[Rule, ...], wished: tuple[Rule, ...], changed: str
) -> None:
    changes: list[str] = []
    known = {"edge": lambda: Reached(MACHINE, "key")}
    gateways = Watched(known, lambda owner, key: Plays(changes))
    gateways.__dict__.update(filed=filed, changes=changes)
    count = gateways.translate("edge", Translation("ab12cd34", wished), 7)
    assert changes == [changed]
    assert count == (2 if changed == "put" else 1)
