"""Ways of clients to the brokers: opened, told, looked at from the clients' side."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from flows.adapters.site import Site
from flows.domain import paths
from flows.domain.creation import Proofs
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.host_files import HostFile, firewall_file, properties_file, store_files
from flows.domain.instance import Broker, Instance, Machine, Status
from flows.domain.listeners import ListenerName
from flows.domain.rewiring import (
    RewirePlan,
    addresses_at,
    told_at,
    wished_endpoints,
)
from flows.domain.server_properties import speaks, told_listeners
from flows.domain.vantage import Address, Answer, Network, complaints, no_vantage
from flows.steps.delivery import host_secrets, put_files
from flows.steps.groups import follow_group
from flows.steps.step import step
from flows.steps.waiting import Gate, wait

FIREWALL = MappingProxyType({paths.FIREWALL_UNIT: paths.FIREWALL})
TOLD_SECONDS = 20.0
TOLD_PAUSE_SECONDS = 0.05
"""One broker follows the other, and a look reads one small node for each of them."""
ANSWER_SECONDS = 20.0


class ProofFailed(EffectFailed):
    """A client that is given these addresses does not reach the right brokers."""


@step("broker {broker.id}: tell clients {told}")
def tell_listeners(site: Site, instance: Instance, broker: Broker, told: str) -> None:
    """The running broker serves its wished listeners and its registration says their addresses.

    Connections that are open stay; clients hear of it with their next metadata.
    """
    present = site.zookeeper.told(instance).get(broker.id, {})
    configs = site.zookeeper.broker_configs(instance)
    if dict(present) == wished_endpoints(instance, broker) and speaks(instance, broker, configs):
        return
    new = [each.name for each in instance.listeners(broker) if each.name not in present]
    secrets = host_secrets(site, instance, broker)
    values = told_listeners(instance, broker, secrets, new)
    site.kafka.alter_broker(instance, broker.id, values)
    wait(site, _tells(instance, broker))


def _tells(instance: Instance, broker: Broker) -> Gate:
    wished = wished_endpoints(instance, broker)

    def reason(site: Site) -> str | None:
        told = site.zookeeper.told(instance).get(broker.id)
        if told is None:
            return f"broker {broker.id} is not registered"
        return None if dict(told) == wished else f"broker {broker.id} tells {_words(told)}"

    words = f"broker {broker.id} tells {_words(wished)}"
    return Gate(words, TOLD_SECONDS, reason, pause_seconds=TOLD_PAUSE_SECONDS)


def _words(endpoints: Mapping[str, str]) -> str:
    return ", ".join(f"{name} {address}" for name, address in sorted(endpoints.items()))


def open_ways(site: Site, instance: Instance) -> None:
    """Whom the wish names is let in, and the stores lie there; nobody uses them yet."""
    follow_group(site, instance)
    _open_ways(site, instance)


@step("let clients in by the new way, with certificates for it")
def _open_ways(site: Site, instance: Instance) -> None:
    def files(broker: Broker) -> Iterable[HostFile]:
        secrets = host_secrets(site, instance, broker)
        return (firewall_file(instance), *store_files(secrets))

    put_files(site, instance.brokers, files, FIREWALL)


def keep_ways(site: Site, instance: Instance) -> None:
    """Nobody else is let in any more, and every broker starts with what it was told."""
    _keep_ways(site, instance)
    follow_group(site, instance)


@step("write the ways of clients down on every host")
def _keep_ways(site: Site, instance: Instance) -> None:
    def files(broker: Broker) -> Iterable[HostFile]:
        secrets = host_secrets(site, instance, broker)
        return (
            firewall_file(instance),
            properties_file(instance, broker, secrets),
            *store_files(secrets),
        )

    put_files(site, instance.brokers, files, FIREWALL)


def lead_eips(site: Site, instance: Instance) -> None:
    """Every EIP of the wish, also one that is not told yet or not any more, leads to its broker."""
    ways = [
        (eip, broker.machine)
        for broker in instance.brokers
        for eip in eips_of(instance, broker)
        if broker.machine is not None and site.provider.routes_eips
    ]
    if ways:
        _lead_eips(site, ways)


@step("lead EIPs to the brokers")
def _lead_eips(site: Site, ways: Iterable[tuple[str, Machine]]) -> None:
    for eip, machine in ways:
        _lead_eip(site, eip, machine)


def _lead_eip(site: Site, eip: str, machine: Machine) -> None:
    present = site.provider.eips().get(eip, machine.name)
    ours = machine.name.rsplit("-", 1)[0]
    if present != machine.name and present.rpartition("-")[0] == ours:
        # It led to the machine that this one replaces.
        site.provider.release_eip(eip)
    site.provider.assign_eip(eip, machine.name)


def release_eips(site: Site, instance: Instance) -> None:
    """No EIP leads to a broker of the instance but those of the wish."""
    used = {eip for broker in instance.brokers for eip in eips_of(instance, broker)}
    ours = {broker.machine.name for broker in instance.brokers if broker.machine}
    led = site.provider.eips()
    surplus = [eip for eip, machine in led.items() if machine in ours and eip not in used]
    if surplus:
        _release_eips(site, surplus)


@step("release EIPs that are not used any more")
def _release_eips(site: Site, eips: Iterable[str]) -> None:
    for eip in eips:
        site.provider.release_eip(eip)


def eips_of(instance: Instance, broker: Broker) -> tuple[str, ...]:
    """Every EIP that leads to a broker, as it is wished."""
    told = instance.wish.eip_of(broker.id)
    return (*((told,) if told else ()), *instance.wish.access.public_names(broker.id))


@step("ask every new address from the network {plan.network}")
def prove_addresses(site: Site, plan: RewirePlan, told: Instance | None = None) -> None:
    """At each new address the right broker answers a client there; ProofFailed says who did.

    With `told` the metadata that clients get there names every broker by its new address.
    """
    assert plan.network is not None, "only what has a network is proved"
    asked = plan.asked() if told else plan.asked_before()
    wished = told_at(told, plan.listener) if told else None
    look = Look(plan.with_wish(plan.prepared), plan.network, asked, wished)
    try:
        wait(site, _right_brokers(look))
    except GateTimeout as late:
        raise ProofFailed(str(late)) from None


def prove_ways(site: Site, instance: Instance, proofs: Proofs) -> None:
    """Clients of these networks reach each broker by what they are told there."""
    for name, network in proofs:
        prove_way(site, instance, name, network)


@step("ask every address of {name} from the network {network}")
def prove_way(site: Site, instance: Instance, name: ListenerName, network: Network) -> None:
    """Clients there reach each broker at what they are told; GateTimeout says who answers."""
    asked = addresses_at(instance, name)
    wait(site, _right_brokers(Look(instance, network, asked, told_at(instance, name))))


@dataclass(frozen=True)
class Look:
    """Addresses that are asked from a network, and what clients are to be told there, if known."""

    instance: Instance
    network: Network
    asked: tuple[Address, ...]
    wished: Mapping[int, str] | None


def _right_brokers(look: Look) -> Gate:
    def reason(site: Site) -> str | None:
        vantage = site.vantages.of(look.network)
        if vantage is None:
            raise EffectFailed(no_vantage(look.network))
        answers = vantage.ask(look.instance, look.asked)
        return "; ".join(complaints(answers) or _told_wrongly(answers, look.wished)) or None

    hosts = ", ".join(address.host for address in look.asked)
    return Gate(f"the right broker answers at each of {hosts}", ANSWER_SECONDS, reason)


def _told_wrongly(answers: Iterable[Answer], wished: Mapping[int, str] | None) -> tuple[str, ...]:
    """A sentence for each address at which clients are told of other addresses."""
    return tuple(
        f"{answer.address.words} tells clients of {dict(answer.advertised)}"
        for answer in answers
        if wished is not None and answer.advertised and dict(answer.advertised) != wished
    )


@step("every broker is as it was before")
def stand_as_before(site: Site, plan: RewirePlan) -> None:
    """Nothing of the rewiring is left to be done: the instance runs as it was wished before."""
    site.stage.say(f"put back: {plan.listener} is as it was before")
    site.records.set_status(site.instance_id, Status.RUNNING, "", site.epoch)
