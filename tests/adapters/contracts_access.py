"""What every implementation of the doors before an instance must do: gateways, EIPs, groups."""

from __future__ import annotations

import pytest

from flows.adapters.site import Gateways, Provider
from flows.domain.dnat import Translation
from flows.domain.errors import EffectFailed
from flows.domain.security_groups import GroupRule


def gateways_contract(gateways: Gateways, gateway: str, wished: Translation) -> None:
    """The gateway has no rule of the instance; afterwards neither."""
    assert gateway in gateways.names()
    none = Translation(wished.instance_id, ())
    assert gateways.look(gateway, wished).holds(none)
    assert not gateways.look(gateway, wished).holds(wished)
    assert gateways.translate(gateway, wished, 3) > 0
    assert gateways.translate(gateway, wished, 3) == 0
    state = gateways.look(gateway, wished)
    assert state.holds(wished)
    assert sorted(state.filed) == sorted(each.rule for each in state.live) == sorted(wished.rules)
    with pytest.raises(EffectFailed, match="older"):
        gateways.translate(gateway, none, 2)
    assert gateways.translate(gateway, none, 4) > 0
    assert gateways.look(gateway, wished).holds(none)
    with pytest.raises(EffectFailed, match='gateway "nowhere": there is none of this name'):
        gateways.look("nowhere", wished)


def eips_contract(provider: Provider, eips: tuple[str, str], machines: tuple[str, str]) -> None:
    """EIPs that are free, and machines that exist; afterwards the EIPs are free again."""
    eip, second = eips
    one, other = machines
    assert eip not in provider.eips()
    assert provider.eip_objection(eip) == ""
    for _ in range(2):
        provider.assign_eip(eip, one)
    assert provider.eips()[eip] == one
    with pytest.raises(EffectFailed, match=f"{eip} belongs to .*{one}.* release it first"):
        provider.assign_eip(eip, other)
    provider.assign_eip(second, other)
    for each in (*eips, *eips):
        provider.release_eip(each)
    assert not set(eips) & set(provider.eips())


def security_groups_contract(provider: Provider, machine: str) -> None:
    """The machine is in a group; afterwards it is there again."""
    before = provider.group_of(machine)
    rules = (GroupRule("192.0.2.0/24", ((9011, 9011), (9092, 9095))),)
    with pytest.raises(EffectFailed, match="security group"):
        provider.put_in_group(machine, "contract")
    for _ in range(2):
        provider.set_security_group("contract", rules)
        provider.put_in_group(machine, "contract")
    assert provider.security_groups()["contract"] == rules
    assert provider.group_of(machine) == "contract"
    with pytest.raises(EffectFailed, match=r"contract.* is in use"):
        provider.remove_security_group("contract")
    provider.put_in_group(machine, before)
    assert provider.group_of(machine) == before
    for _ in range(2):
        provider.remove_security_group("contract")
    assert "contract" not in provider.security_groups()
