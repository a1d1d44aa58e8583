"""How a gateway is talked to: looked at over one connection that stays open, changed by plays."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from flows.adapters.gateways.ssh import Reached, SshGateways
from flows.adapters.hosts import connections
from flows.adapters.hosts.connection import Answer
from flows.adapters.site import Play, PlayResult
from flows.domain.dnat import Rule, Translation
from flows.domain.instance import Machine

RULES = (Rule(1, "203.0.113.1", "198.18.0.11"),)
MACHINE = Machine("edge", 0, 0, "192.0.2.1", "", "ssh-ed25519 K")
NOTHING: Mapping[str, Any] = {
    "live": None,
    "forwards": True,
    "addresses": ["192.0.2.1"],
    "sources": {},
    "filed": "",
    "enabled": False,
    "foreign": [],
}


@dataclass
class Line:
    """Stands for a connection to a gateway that holds nothing."""

    machine: Machine
    alive: bool = True

    def run(self, command: str, given: bytes = b"") -> Answer:
        """It was looked at; what else would be asked of it fails."""
        assert b"def translation(" in given
        return Answer(json.dumps({"answer": NOTHING}).encode(), "", 0)


@dataclass
class Edge:
    """Implements `Ansible`, and notes how a gateway is reached and what is played there."""

    reached: int = 0
    played: list[str] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def reach(self) -> Reached:
        """One more asks how."""
        self.reached += 1
        return Reached(MACHINE, "key")

    def connect(self, machine: Machine, key: str, *, rooted: bool) -> Line:
        """Another connection is open."""
        assert (key, rooted) == ("key", True)
        self.lines.append(Line(machine))
        return self.lines[-1]

    def play(self, play: Play) -> PlayResult:
        """Notes it."""
        self.played.append(play.playbook)
        return PlayResult({"edge": 1})

    def preview(self, play: Play) -> PlayResult:
        """Nobody asks for it here."""
        raise NotImplementedError


@pytest.fixture
def edge(monkeypatch: pytest.MonkeyPatch) -> Edge:
    made = Edge()
    monkeypatch.setattr(connections, "Connection", made.connect)
    return made


def gateways_at(edge: Edge) -> SshGateways:
    return SshGateways({"edge": edge.reach}, lambda owner, key: edge)


def test_several_looks_share_one_connection(edge: Edge) -> None:
    gateways, wished = gateways_at(edge), Translation("ab12cd34", RULES)
    for _ in range(3):
        assert gateways.look("edge", wished).forwards
    assert (edge.reached, len(edge.lines)) == (1, 1)


def test_a_connection_that_died_is_made_anew_and_how_is_asked_again(edge: Edge) -> None:
    gateways, wished = gateways_at(edge), Translation("ab12cd34", RULES)
    gateways.look("edge", wished)
    edge.lines[0].alive = False
    gateways.look("edge", wished)
    assert (edge.reached, len(edge.lines)) == (2, 2)


@pytest.mark.parametrize(("rules", "playbook"), [(RULES, "make_dnat.yml"), ((), "remove_dnat.yml")])
def test_rules_are_made_and_removed_by_playbook(
    edge: Edge, rules: tuple[Rule, ...], playbook: str
) -> None:
    gateways_at(edge).translate("edge", Translation("ab12cd34", rules), 7)
    assert edge.played == [playbook]
