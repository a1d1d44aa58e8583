"""Gateways of the fake world: their rules lead EIPs that end at them to private addresses."""

from __future__ import annotations

from dataclasses import dataclass, field

from flows.domain.dnat import GatewayState, LiveRule, Translation
from flows.domain.errors import EffectFailed
from flows.domain.listeners import CROSS_PORT
from tests.world.effects import Effects, Fake, changes
from tests.world.machines import FakeProvider


@dataclass
class FakeGateway:
    """One gateway: whether it answers, what its kernel and its file hold."""

    address: str
    running: bool = True
    forwards: bool = True
    epoch: dict[str, int] = field(default_factory=dict)
    live: dict[str, Translation] = field(default_factory=dict)
    filed: dict[str, Translation] = field(default_factory=dict)
    foreign: tuple[str, ...] = ()


class FakeGateways(Fake):
    """Implements `Gateways` with one, the router of the brokers."""

    def __init__(self, effects: Effects, provider: FakeProvider) -> None:
        self.effects = effects
        self.provider = provider
        self.hosts = {"gateway": FakeGateway("198.18.0.1")}

    def names(self) -> tuple[str, ...]:
        """All of them."""
        return tuple(self.hosts)

    def look(self, gateway: str, wished: Translation) -> GatewayState:
        """What it holds for the instance."""
        host = self._answering(gateway)
        live = host.live.get(wished.instance_id)
        filed = host.filed.get(wished.instance_id)
        return GatewayState(
            name=gateway,
            forwards=host.forwards,
            addresses=(host.address,),
            sources={rule.private: host.address for rule in wished.rules},
            filed=filed.rules if filed else (),
            live=tuple(LiveRule(rule, 0, 0) for rule in (live.rules if live else ())),
            masquerades=bool(live and live.masquerade),
            loads_at_boot=filed is not None,
            foreign=host.foreign,
        )

    @changes
    def translate(self, gateway: str, wished: Translation, epoch: int) -> int:
        """It has exactly these rules of the instance."""
        host = self._answering(gateway)
        if epoch < host.epoch.get(wished.instance_id, 0):
            raise EffectFailed(f"{gateway}: operation {epoch} is older and may not change it")
        before = host.filed.pop(wished.instance_id, None)
        host.live.pop(wished.instance_id, None)
        if wished.rules:
            host.epoch[wished.instance_id] = epoch
            host.filed[wished.instance_id] = host.live[wished.instance_id] = wished
        self.apply()
        return int(before != (wished if wished.rules else None))

    def reboot(self, gateway: str) -> None:
        """The kernel holds what the file says."""
        self.hosts[gateway].live = dict(self.hosts[gateway].filed)
        self.apply()

    def flush(self, gateway: str) -> None:
        """The kernel holds nothing of ours; somebody took it away."""
        self.hosts[gateway].live = {}
        self.apply()

    def apply(self) -> None:
        """What clients reach follows from the kernels' rules."""
        self.provider.translated.clear()
        for name, host in self.hosts.items():
            for translation in host.live.values():
                for rule in translation.rules:
                    if self.provider.eips_of_machines.get(rule.eip) == name:
                        self.provider.translated[rule.eip, CROSS_PORT] = rule.private

    def _answering(self, gateway: str) -> FakeGateway:
        if gateway not in self.hosts:
            raise EffectFailed(f'gateway "{gateway}": there is none of this name')
        if not self.hosts[gateway].running:
            raise EffectFailed(f"gateway {gateway} gave no answer")
        return self.hosts[gateway]
