"""The listeners of a broker's clients, made anew with another protocol while it runs."""

from __future__ import annotations

from dataclasses import replace

from flows.adapters.secrets.kept import PROBE_PASSWORD, kept
from flows.adapters.site import Site
from flows.domain.cluster import Login
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.firewall import open_to_product
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import Listener
from flows.domain.mutual_tls import closed_to_clients, open_to_clients, was_told
from flows.domain.names import PROBE_USER
from flows.domain.seen_clients import MINUTES, SeenClient, addresses_of, users_of
from flows.domain.wish import Wish
from flows.steps.probe_certificate import have_probe_leaf, probe_leaf
from flows.steps.step import step
from flows.steps.waiting import Gate, wait

SWITCH_SECONDS = 60.0


@step("issue a certificate to the probe")
def certify_probe(site: Site, instance: Instance) -> None:
    """The product itself can come in as clients shall, before anybody else has to."""
    have_probe_leaf(site, instance)


@step("broker {broker.id}: make its client listeners anew")
def remake_client_listeners(site: Site, instance: Instance, broker: Broker, before: Wish) -> None:
    """Clients are let in as the wish says, and in no other way; their old connections ended.

    When the broker does not do as it was told it gets the listeners from before again.
    """
    try:
        if not was_told(instance, broker):
            _remake(site, instance, broker)
        wait(site, lets_in_as_wished(instance, broker))
    except (EffectFailed, GateTimeout):
        _remake(site, replace(instance, wish=before), broker)
        raise


def lets_in_as_wished(instance: Instance, broker: Broker) -> Gate:
    """The probe comes in by what is wished, and nobody without it, wherever clients come."""
    reason = _no_certificate_wanted if instance.wish.mutual_tls else _no_password_wanted
    return Gate(
        f"broker {broker.id} lets clients in as wished",
        SWITCH_SECONDS,
        lambda site: reason(site, instance, broker),
    )


def tell_who_was_connected(site: Site, clients: tuple[SeenClient, ...]) -> None:
    """The report names who was cut off."""
    users = users_of(clients)
    if not users:
        told = f"Nobody asked the brokers for anything in the {MINUTES} minutes before.\n"
    else:
        rows = [f"| {user} | {', '.join(addresses_of(clients, user))} |" for user in users]
        told = "\n".join(
            [
                f"Connected in the {MINUTES} minutes before, and cut off:\n",
                "| user | from |",
                "|---|---|",
                *rows,
                "",
            ]
        )
    site.findings.sections.append(told)
    site.findings.data["cut_off"] = {user: list(addresses_of(clients, user)) for user in users}


def _remake(site: Site, instance: Instance, broker: Broker) -> None:
    site.kafka.alter_broker(instance, broker.id, closed_to_clients(instance, broker))
    site.kafka.alter_broker(instance, broker.id, open_to_clients(instance, broker))


def _no_certificate_wanted(site: Site, instance: Instance, broker: Broker) -> str | None:
    leaf = probe_leaf(site, instance)
    for listener in _client_listeners(instance, broker):
        place = f"broker {broker.id} {listener.name}"
        if not site.tls.accepts(str(broker.address), listener.port, leaf):
            return f"{place} refuses a certificate of the instance's authority"
        if site.tls.accepts(str(broker.address), listener.port, None):
            return f"{place} lets clients without a certificate in"
    return None


def _no_password_wanted(site: Site, instance: Instance, broker: Broker) -> str | None:
    for listener in _client_listeners(instance, broker):
        # Before any login a broker says what it can do: so far a client gets without a certificate.
        if not site.tls.accepts(str(broker.address), listener.port, None):
            return f"broker {broker.id} {listener.name} refuses clients without a certificate"
    password = kept(site.secrets, instance, PROBE_PASSWORD)
    if site.kafka.accepts(instance, broker, Login(PROBE_USER, password, "SCRAM-SHA-512")):
        return None
    return f"broker {broker.id} does not let the probe in by its password"


def _client_listeners(instance: Instance, broker: Broker) -> tuple[Listener, ...]:
    """Those that the product can ask: all by which clients come."""
    return tuple(each for each in open_to_product(instance, broker) if each.for_clients)
