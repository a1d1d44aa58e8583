"""Gateways that are reached by SSH: looked at in one round trip, changed by a playbook only."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from flows.adapters.hosts.asking import ask
from flows.adapters.hosts.connection import Unreachable
from flows.adapters.hosts.connections import Connections
from flows.adapters.hosts.keys import authorized_line
from flows.adapters.site import Ansible, Play
from flows.adapters.vantage.listed import key_at, machine_at
from flows.domain import dnat
from flows.domain.dnat import GatewayState, Translation
from flows.domain.errors import EffectFailed
from flows.domain.instance import Machine
from inventories.hosts import HostList
from inventories.lab import Lab, LabError, MachineSpec

_LOOK = Path(__file__).parent / "remote/translation.py"
LAB_GATEWAY = "gateway"


@dataclass(frozen=True)
class Reached:
    """A gateway's host and the private key that opens it."""

    machine: Machine
    key: str = field(repr=False)


@dataclass(frozen=True)
class SshGateways:
    """Implements `Gateways`; `known` is name -> what makes it reachable.

    `ansible` makes Ansible for an instance (its id) with a key that it calls for. The connection
    for looks stays open, since an operation looks several times at the same gateway.
    """

    known: Mapping[str, Callable[[], Reached]]
    ansible: Callable[[str, Callable[[], str]], Ansible]

    def names(self) -> tuple[str, ...]:
        """All of them, reachable or not."""
        return tuple(self.known)

    def look(self, gateway: str, wished: Translation) -> GatewayState:
        """What the gateway is and translates; `wished` says which EIPs and brokers to ask for."""
        instance_id = wished.instance_id
        told = self._asked(
            gateway,
            table=dnat.table_name(instance_id),
            unit=dnat.unit_name(instance_id),
            path=dnat.rules_path(instance_id),
            privates=[rule.private for rule in wished.rules],
            eips=[rule.eip for rule in wished.rules],
        )
        listing = told["live"] or {}
        return GatewayState(
            name=gateway,
            forwards=told["forwards"],
            addresses=tuple(told["addresses"]),
            sources=told["sources"],
            filed=dnat.read_ruleset(told["filed"])[0],
            live=dnat.live_rules(listing),
            masquerades=dnat.masquerades(listing),
            loads_at_boot=told["enabled"],
            foreign=tuple(told["foreign"]),
        )

    def translate(self, gateway: str, wished: Translation, epoch: int) -> int:
        """The gateway has exactly these rules of the instance; answers how many tasks changed."""
        reached = self._reached(gateway)
        playbook = "make_dnat.yml" if wished.rules else "remove_dnat.yml"
        name = reached.machine.name
        variables = {name: role_variables(wished, anew=not self._translates(gateway, wished))}
        ansible = self.ansible(wished.instance_id, lambda: reached.key)
        result = ansible.play(Play(playbook, (reached.machine,), epoch, variables, secrets={}))
        return result.changed[name]

    def _translates(self, gateway: str, wished: Translation) -> bool:
        # A kernel that lost its rules has the same file as before: only a look tells.
        return not wished.rules or self.look(gateway, wished).translates(wished)

    def _reached(self, gateway: str) -> Reached:
        if gateway not in self.known:
            known = ", ".join(self.known) or "none"
            raise EffectFailed(f'gateway "{gateway}": there is none of this name; known: {known}')
        found = self._found.get(gateway)
        # Who holds an open connection need not be told anew how the gateway is reached.
        if found is None or not found[1].open_to(found[0].machine):
            reached = self.known[gateway]()
            found = self._found[gateway] = (reached, Connections(lambda: reached.key))
        return found[0]

    def _asked(self, gateway: str, **given: Any) -> Mapping[str, Any]:
        machine = self._reached(gateway).machine
        try:
            told: Mapping[str, Any] = self._found[gateway][1].ask(
                machine, lambda open_: ask(open_, _LOOK, "translation", **given)
            )
        except Unreachable as error:
            raise EffectFailed(f"gateway {error}") from None
        return told

    @cached_property
    def _found(self) -> dict[str, tuple[Reached, Connections]]:
        return {}


def role_variables(wished: Translation, *, anew: bool) -> dict[str, Any]:
    """What the role `dnat_gateway` is told; `anew` loads rules whose file is as before."""
    instance_id = wished.instance_id
    directory = {"dnat_gateway_directory": dnat.state_directory(instance_id)}
    if not wished.rules:
        return directory
    return {
        **directory,
        "dnat_gateway_rules_path": dnat.rules_path(instance_id),
        "dnat_gateway_rules": dnat.ruleset(wished),
        "dnat_gateway_unit": dnat.unit_name(instance_id),
        "dnat_gateway_unit_text": dnat.unit_text(instance_id),
        "dnat_gateway_anew": anew,
    }


def listed_gateways(listed: HostList) -> dict[str, Callable[[], Reached]]:
    """The gateways of the list of own machines."""
    return {
        post.name: lambda post=post: Reached(machine_at(post), key_at(post))  # type: ignore[misc]
        for post in listed.gateways
    }


def lab_gateway(lab: Lab, key: Callable[[], str]) -> dict[str, Callable[[], Reached]]:
    """The lab's router as a machine, made when it is first needed."""

    def reach() -> Reached:
        spec = MachineSpec(
            name=LAB_GATEWAY,
            vcpus=1,
            memory_mb=512,
            disk_gb=1,
            authorized_key=authorized_line(key(), "gateway"),
            place="gateway",
        )
        try:
            made = lab.create_machine(spec)
        except LabError as error:
            raise EffectFailed(f"lab: {error}") from error
        machine = Machine(made.name, 0, 0, str(made.address), made.zone, made.host_key)
        return Reached(machine, key())

    return {LAB_GATEWAY: reach}
