"""What a change that was cut off left at gateways, also at those that give no answer."""

from __future__ import annotations

from flows.adapters.site import Site
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance
from flows.domain.returning import eips_left_at, returned
from flows.domain.translating import gateways_of, translation_of
from flows.steps.dnat import free_eips
from flows.steps.step import step

NEEDED = "clients are told its EIPs all the same, and check-access says what is wrong there"
NOT_NEEDED = "its rules of the change stay there, until remove-dnat takes them away once it answers"


@step("look which gateways answer")
def answering_gateways(site: Site, instance: Instance) -> tuple[str, ...]:
    """Those of which the wish speaks and that answer; what stays as it is on others is said."""
    return tuple(name for name in gateways_of(instance.wish) if _answers(site, instance, name))


def _answers(site: Site, instance: Instance, gateway: str) -> bool:
    # That one is dead must not keep clients from the addresses that they had before.
    try:
        site.gateways.look(gateway, translation_of(instance, gateway))
    except EffectFailed as silence:
        needed = gateway in gateways_of(returned(instance.wish))
        site.stage.say(f"{silence}; {NEEDED if needed else NOT_NEEDED}")
        return False
    return True


def free_eips_left(site: Site, instance: Instance) -> None:
    """EIPs that only the unfinished change needs lead to no gateway, whether it answers or not.

    They are told by the wish: a run that was cut off may have led them there and made no rule yet.
    """
    for name in gateways_of(instance.wish):
        led = site.provider.eips()
        left = [eip for eip in eips_left_at(instance.wish, name) if led.get(eip) == name]
        if left:
            free_eips(site, left, name)
