"""Rules of DNAT on gateways: looked at, made as the wish says, taken away when it says no more."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial

from flows.adapters.site import Site
from flows.domain.dnat import Edge, GatewayState, Rule, Translation
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance
from flows.domain.translating import gateways_of, surplus_eips, translation_of
from flows.domain.wish import Wish
from flows.steps.step import step

Ways = Callable[[Site, Instance], None]
"""What is done about the ways of clients once the wish is remembered; safe to be done again."""


def with_edge(site: Site, instance: Instance, eips: Sequence[str]) -> Instance:
    """The instance with its gateways and what is known of EIPs, those asked for above all."""
    asked = _asked(instance, eips)
    gateways = {name: _seen(site, name, asked) for name in site.gateways.names()}
    objections = {eip: site.provider.eip_objection(eip) for eip in eips}
    return replace(instance, edge=Edge(gateways, site.provider.eips(), objections))


def opening(*wishes: Wish) -> Ways:
    """Makes what a wish says be translated; what else is translated by now stays.

    `wishes` are those on the way: every gateway of which one of them speaks is looked at.
    """
    return partial(_open, gateways=gateways_of(*wishes))


def ending(*wishes: Wish) -> Ways:
    """Makes nothing be translated but what a wish says; EIPs of other ways are free."""
    return partial(_settle, gateways=gateways_of(*wishes))


def _open(site: Site, instance: Instance, gateways: Iterable[str]) -> None:
    for name in gateways:
        wished = translation_of(instance, name)
        if not wished.rules:
            continue
        state = site.gateways.look(name, wished)
        _lead(site, wished, name)
        together = wished.beside(state.filed)
        if not state.holds(together):
            make_rules(site, together, name)


def _settle(site: Site, instance: Instance, gateways: Iterable[str]) -> None:
    known = site.gateways.names()  # one that was taken off the list translates for nobody
    for name in (each for each in gateways if each in known):
        wished = translation_of(instance, name)
        state = site.gateways.look(name, wished)
        led = site.provider.eips()
        surplus = [eip for eip in surplus_eips(state, wished) if led.get(eip) == name]
        if surplus:
            free_eips(site, surplus, name)
        if not state.holds(wished):
            make_rules(site, wished, name)


def _lead(site: Site, wished: Translation, gateway: str) -> None:
    led = site.provider.eips()
    missing = [rule.eip for rule in wished.rules if led.get(rule.eip) != gateway]
    if site.provider.routes_eips and missing:
        lead_eips(site, missing, gateway)


@step("gateway {gateway}: lead EIPs to it")
def lead_eips(site: Site, eips: Sequence[str], gateway: str) -> None:
    """The EIPs end at the gateway."""
    for eip in eips:
        site.provider.assign_eip(eip, gateway)


@step("gateway {gateway}: let EIPs go")
def free_eips(site: Site, eips: Sequence[str], gateway: str) -> None:
    """The EIPs lead nowhere; before the rules go, so that nobody forgets them."""
    for eip in eips:
        site.provider.release_eip(eip)


@step("gateway {gateway}: make its rules")
def make_rules(site: Site, wished: Translation, gateway: str) -> int:
    """The gateway has exactly these rules, again after a reboot; it shows that it has."""
    changed = site.gateways.translate(gateway, wished, site.epoch)
    if not site.gateways.look(gateway, wished).holds(wished):
        raise EffectFailed(f"gateway {gateway}: its rules are other ones than those just made")
    return changed


def _asked(instance: Instance, eips: Sequence[str]) -> Translation:
    pairs = zip(instance.brokers, eips, strict=False)
    rules = [Rule(broker.id, eip, broker.address) for broker, eip in pairs if broker.address]
    return Translation(instance.id, tuple(rules))


def _seen(site: Site, gateway: str, asked: Translation) -> GatewayState | str:
    # That a gateway gives no answer is one as well: the plan says so, by name.
    try:
        return site.gateways.look(gateway, asked)
    except EffectFailed as silence:
        return str(silence)
