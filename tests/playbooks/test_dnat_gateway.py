"""Rules of DNAT on a real gateway, as one story: made, counted, lost, there again, removed.

The tests run in their order: each finds the gateway as the one before left it.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from flows.adapters.ansible import RunnerAnsible
from flows.adapters.gateways import SshGateways, lab_gateway
from flows.adapters.gateways.ssh import role_variables
from flows.adapters.hosts.keys import authorized_line, new_key
from flows.adapters.provider import LabProvider
from flows.adapters.site import Play
from flows.domain.dnat import Rule, Translation, state_directory, table_name, unit_name
from flows.domain.errors import EffectFailed
from inventories.lab import Lab, MachineSpec
from tests.adapters.contracts_access import (
    eips_contract,
    gateways_contract,
    security_groups_contract,
)

pytestmark = pytest.mark.lab

PLAYBOOKS = Path(__file__).resolve().parents[2] / "playbooks"
OWNER, NEIGHBOUR = "ab12cd34", "ef56gh78"
FOREIGN = (
    "nft add table ip foreign && "
    "nft 'add chain ip foreign theirs { type nat hook prerouting priority 10; }'"
)


@dataclass
class Edge:
    """A gateway, a machine behind it, and the door to it."""

    lab: Lab
    key: str
    gateways: SshGateways
    rules: tuple[Rule, ...]
    said: list[str] = field(default_factory=list)

    @property
    def wished(self) -> Translation:
        """Both EIPs lead to machines."""
        return Translation(OWNER, self.rules)

    def shell(self, command: str, network: str = "") -> str:
        """What a command says in the gateway's namespace, or in that of clients outside."""
        netns = self.lab.client("outside").netns if network else self.lab.plan.router_netns
        done = subprocess.run(
            ["nsenter", f"--net=/run/netns/{netns}", "sh", "-c", command],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        return done.stdout

    def answers(self, eip: str) -> str:
        """What an outside client gets at an EIP, port 9011."""
        return self.shell(
            f"python3 -c \"import socket; c = socket.create_connection(('{eip}', 9011), 2); "
            "print(c.recv(100).decode(), end='')\"",
            "outside",
        )


@pytest.fixture(scope="module")
def edge() -> Iterator[Edge]:
    lab, key = Lab(f"dnat-{os.getpid()}"), new_key()
    servers: list[subprocess.Popen[bytes]] = []
    said: list[str] = []
    try:
        lab.up()
        specs = [
            MachineSpec(name=f"behind-{n}", authorized_key=authorized_line(key, "test"), disk_gb=1)
            for n in (1, 2)
        ]
        machines = lab.create_machines(specs)
        for machine in machines:
            servers.append(_server(lab.plan.machine_netns(machine.name), machine.name))
        eips = [lab.plan.eips[n] for n in (7, 70)]
        gateways = SshGateways(
            lab_gateway(lab, lambda: key),
            lambda owner, ssh_key: RunnerAnsible(owner, ssh_key, PLAYBOOKS, said.append, limit=240),
        )
        rules = tuple(
            Rule(n, str(eip), str(machine.address))
            for n, (eip, machine) in enumerate(zip(eips, machines, strict=True), 1)
        )
        gateways.look("gateway", Translation(OWNER, rules))
        for eip in eips:
            lab.assign_eip(eip, "gateway")
        yield Edge(lab, key, gateways, rules, said)
    finally:
        for server in servers:
            server.kill()
            server.wait()
        lab.destroy()


def _server(netns: str, words: str) -> subprocess.Popen[bytes]:
    """Says its words to whoever connects to port 9011, with the address that it sees."""
    program = (
        "import socket\n"
        "server = socket.create_server(('', 9011))\n"
        "while True:\n"
        "    connection, peer = server.accept()\n"
        f"    connection.sendall(f'{words} sees {{peer[0]}}'.encode())\n"
        "    connection.close()\n"
    )
    return subprocess.Popen(
        ["nsenter", f"--net=/run/netns/{netns}", "python3", "-c", program],
        stdout=subprocess.DEVNULL,
    )


def test_a_gateway_that_was_never_touched_holds_nothing(edge: Edge) -> None:
    state = edge.gateways.look("gateway", edge.wished)
    assert state.forwards
    assert (state.filed, state.live, state.loads_at_boot, state.foreign) == ((), (), False, ())
    assert str(edge.lab.plan.gateway) in state.addresses
    assert set(state.sources.values()) == {str(edge.lab.plan.gateway)}
    assert state.holds(Translation(OWNER, ()))
    assert edge.answers(edge.rules[0].eip) == ""


def test_a_preview_tells_what_would_change_and_changes_nothing(edge: Edge) -> None:
    before = edge.shell("nft list ruleset")
    reached = edge.gateways.known["gateway"]()
    variables = {"gateway": role_variables(edge.wished, anew=False)}
    play = Play("make_dnat.yml", (reached.machine,), 1, variables, {})
    preview = RunnerAnsible(OWNER, lambda: edge.key, PLAYBOOKS, edge.said.append).preview(play)
    assert preview.changed == {"gateway": 1}
    assert edge.shell("nft list ruleset") == before
    assert not edge.gateways.look("gateway", edge.wished).filed


def test_keeps_the_contract_of_gateways(edge: Edge) -> None:
    gateways_contract(edge.gateways, "gateway", Translation(NEIGHBOUR, edge.rules))


def test_keeps_the_contracts_of_eips_and_groups(edge: Edge) -> None:
    provider = LabProvider(edge.lab)
    free = (str(edge.lab.plan.eips[30]), str(edge.lab.plan.eips[31]))
    eips_contract(provider, free, ("behind-1", "behind-2"))
    security_groups_contract(provider, "behind-1")
    objection = f"the lab's EIPs are the addresses of {edge.lab.plan.eips}"
    assert provider.eip_objection("192.0.2.1") == objection


def test_rules_lead_each_eip_to_its_machine_and_the_second_run_changes_nothing(edge: Edge) -> None:
    edge.shell(FOREIGN)
    assert edge.gateways.translate("gateway", edge.wished, 1) == 1
    assert edge.gateways.translate("gateway", edge.wished, 1) == 0
    client = edge.lab.client("outside").address
    for number, rule in enumerate(edge.rules, 1):
        assert edge.answers(rule.eip) == f"behind-{number} sees {client}"


def test_connections_are_counted_for_each_rule(edge: Edge) -> None:
    edge.answers(edge.rules[0].eip)
    counted = [each.connections for each in edge.gateways.look("gateway", edge.wished).live]
    assert counted == [2, 1]


def test_an_eip_in_a_table_of_others_is_told(edge: Edge) -> None:
    """198.18.n.7 is not 198.18.n.70."""
    eip = edge.rules[1].eip
    edge.shell(f"nft add rule ip foreign theirs ip daddr {eip} counter")
    state = edge.gateways.look("gateway", edge.wished)
    assert state.foreign == (f"table ip foreign speaks of {eip}",)


@pytest.mark.parametrize("by_hand", ["delete table ip {}", "flush chain ip {} prerouting"])
def test_rules_that_only_the_kernel_lost_are_loaded_again(edge: Edge, by_hand: str) -> None:
    edge.shell(f"nft {by_hand.format(table_name(OWNER))}")
    assert edge.answers(edge.rules[0].eip) == ""
    assert edge.gateways.translate("gateway", edge.wished, 1) == 1
    assert edge.gateways.look("gateway", edge.wished).holds(edge.wished)
    assert edge.gateways.translate("gateway", edge.wished, 1) == 0


def test_an_older_operation_is_refused(edge: Edge) -> None:
    edge.gateways.translate("gateway", edge.wished, 5)
    with pytest.raises(EffectFailed, match=r"changed by operation 5; operation 4 is older"):
        edge.gateways.translate("gateway", edge.wished, 4)


def test_rules_are_there_again_after_a_crash_and_a_boot(edge: Edge) -> None:
    edge.lab.crash("gateway")
    assert edge.answers(edge.rules[0].eip) == ""
    edge.lab.start("gateway")
    assert edge.gateways.look("gateway", edge.wished).holds(edge.wished)
    assert edge.answers(edge.rules[0].eip).startswith("behind-1 sees ")
    assert edge.gateways.translate("gateway", edge.wished, 6) <= 1


def test_masquerading_shows_the_gateway_instead_of_the_client(edge: Edge) -> None:
    hidden = replace(edge.wished, masquerade=True)
    edge.gateways.translate("gateway", hidden, 7)
    assert edge.gateways.look("gateway", hidden).holds(hidden)
    assert edge.answers(edge.rules[0].eip) == f"behind-1 sees {edge.lab.plan.gateway}"


def test_two_instances_share_a_gateway_and_only_one_is_taken_away(edge: Edge) -> None:
    other = Translation(NEIGHBOUR, (Rule(1, str(edge.lab.plan.eips[99]), edge.rules[0].private),))
    edge.gateways.translate("gateway", other, 3)
    edge.gateways.translate("gateway", Translation(OWNER, ()), 8)
    assert edge.gateways.look("gateway", edge.wished).holds(Translation(OWNER, ()))
    assert edge.gateways.look("gateway", other).holds(other)
    assert edge.gateways.translate("gateway", other, 3) == 0
    assert edge.gateways.translate("gateway", Translation(OWNER, ()), 8) == 0
    edge.gateways.translate("gateway", Translation(NEIGHBOUR, ()), 9)


def test_nothing_of_ours_is_left(edge: Edge) -> None:
    reached = edge.gateways.known["gateway"]()
    assert reached.machine.name == "gateway"
    root = edge.lab.root / edge.lab.name
    assert root.exists()
    tables = edge.shell("nft list tables")
    assert table_name(OWNER) not in tables
    assert table_name(NEIGHBOUR) not in tables
    left = [
        path
        for name in (OWNER, NEIGHBOUR)
        for path in root.rglob(f"*{name}*")
        if path.name in (Path(state_directory(name)).name, unit_name(name))
    ]
    assert left == []


def test_a_gateway_that_is_not_known_is_refused_by_name(edge: Edge) -> None:
    with pytest.raises(EffectFailed, match='gateway "edge": there is none of this name; known: g'):
        edge.gateways.look("edge", edge.wished)
