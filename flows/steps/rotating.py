"""The certificates that brokers and the product show each other, altered while brokers run."""

from __future__ import annotations

from collections.abc import Mapping

from certs.leaf import Leaf
from certs.own_stores import keystore_chain
from flows.adapters.secrets.kept import control_leaf_name, read_leaf
from flows.adapters.site import Site
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import Listener, ListenerName
from flows.domain.served import differs
from flows.domain.server_properties import store_locations
from flows.steps.certificates import listener_stores
from flows.steps.step import step
from flows.steps.waiting import Gate

INTERNAL_LISTENERS = (ListenerName.INTERNAL, ListenerName.CONTROL)
TRUSTED_SECONDS = 30.0
"""A new trust store was in force 1.6 to 3.3 s after it was acknowledged."""

Witnesses = Mapping[int, Leaf]
"""Number of an authority -> the product's certificate of it, which shows who is trusted."""


def witnesses(site: Site, *instances: Instance) -> Witnesses:
    """The product's certificates as these instances were wished; those that are still kept."""
    found = {}
    for instance in instances:
        text = site.secrets.get(instance.id, control_leaf_name(instance.wish))
        if text:
            found[instance.wish.internal.authority] = read_leaf(text)
    return found


@step("broker {broker.id}: show and trust what is wished")
def tell_internal(site: Site, instance: Instance, broker: Broker) -> None:
    """The running broker was told its stores for other brokers and the product.

    Kafka itself refuses a key store for INTERNAL that its own trust store does not verify.
    """
    stores = listener_stores(site, instance, broker)
    chosen = {name: stores[name] for name in INTERNAL_LISTENERS}
    site.kafka.alter_broker(instance, broker.id, store_locations(chosen))


def shows_and_trusts(instance: Instance, broker: Broker, known: Witnesses) -> Gate:
    """CONTROL serves the certificate of the wish and lets in whom the wish trusts, nobody else.

    INTERNAL is closed to the product; the broker applies both at once.
    """
    return Gate(
        f"broker {broker.id} shows and trusts what is wished",
        TRUSTED_SECONDS,
        lambda site: _other(site, instance, broker, known),
    )


def _other(site: Site, instance: Instance, broker: Broker, known: Witnesses) -> str | None:
    address, port = str(broker.address), _control(instance, broker).port
    store = listener_stores(site, instance, broker)[ListenerName.CONTROL].keystore
    trusted = instance.wish.internal.trusted
    shown = next(leaf for number, leaf in known.items() if number in trusted)
    served = site.tls.served(address, port, client=shown)
    reason = differs(served, keystore_chain(store.content, store.password))
    if reason:
        return f"broker {broker.id} CONTROL: {reason}"
    for number, leaf in known.items():
        if site.tls.accepts(address, port, leaf) is not (number in trusted):
            verb = "does not trust" if number in trusted else "still trusts"
            return f"broker {broker.id} {verb} authority {number}"
    return None


def _control(instance: Instance, broker: Broker) -> Listener:
    found = instance.listeners(broker)
    return next(each for each in found if each.name is ListenerName.CONTROL)
