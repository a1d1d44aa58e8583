"""Certificates of an instance: its authorities, and a store per broker and listener.

Keys are made here and kept encrypted; the key of an authority never leaves the control plane.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from certs.authority import Authority, Kind, new_authority
from certs.facts import describe
from certs.leaf import Leaf, LeafRequest, issue
from certs.stores import broker_keystore, broker_truststore
from flows.adapters.secrets.kept import (
    CONTROL_LEAF,
    authority_name,
    read_authority,
    read_store,
    read_store_end,
    write_authority,
    write_leaf,
    write_store,
)
from flows.adapters.site import Secrets, Site
from flows.domain.host_secrets import ListenerStores, Store
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import Listener, ListenerName
from flows.steps.step import step

LEAF_DAYS = 365
STORE_PASSWORD_CHARACTERS = 40


@step("issue certificates")
def issue_certificates(site: Site, instance: Instance) -> None:
    """Both authorities, the product's certificate and a store per broker and listener exist."""
    internal = authority(site, instance, "internal")
    authority(site, instance, "clients")
    _keep(site, CONTROL_LEAF, lambda: write_leaf(_control_leaf(site, instance, internal)))
    for broker in instance.brokers:
        listener_stores(site, instance, broker)


def authority(site: Site, instance: Instance, kind: Kind, generation: int = 1) -> Authority:
    """The instance's authority of this kind; made when there is none."""

    def make() -> str:
        now = site.clock.now()
        return write_authority(new_authority(kind, instance.organization, generation, now))

    return read_authority(_keep(site, authority_name(kind, generation), make))


def listener_stores(
    site: Site, instance: Instance, broker: Broker
) -> dict[ListenerName, ListenerStores]:
    """The stores of every secured listener of a broker; made when there are none."""
    trust = _truststore(site, instance)
    found = {}
    for listener in instance.listeners(broker):
        if listener.secured:
            keystore = _keystore(site, instance, broker, listener)
            found[listener.name] = ListenerStores(
                keystore, truststore=None if listener.for_clients else trust
            )
    return found


def _keystore(site: Site, instance: Instance, broker: Broker, listener: Listener) -> Store:
    kind: Kind = "clients" if listener.for_clients else "internal"

    def make() -> str:
        request = LeafRequest(
            common_name="broker",
            organization=instance.organization,
            ip_addresses=(listener.advertised_host,),
            dns_names=(),
            server=True,
            client=not listener.for_clients,
        )
        signer = authority(site, instance, kind)
        return _new_store(site, listener, issue(signer, request, site.clock.now(), LEAF_DAYS))

    return read_store(_keep(site, _store_name(instance, broker, listener), make))


def _store_name(instance: Instance, broker: Broker, listener: Listener) -> str:
    # Whoever finds the disk of a machine that was replaced shall not hold the keys of the new one.
    generation = instance.wish.machine_of(broker.id)
    place = f"{broker.id}-{listener.advertised_host}"
    name = f"store-{listener.name.lower()}-{place}"
    return name if generation == 1 else f"{name}-{generation}"


def certificate_ends(secrets: Secrets, instance: Instance) -> dict[str, datetime]:
    """What each certificate is for -> when it expires, of those that were made."""
    kinds: tuple[Kind, ...] = ("internal", "clients")
    found = {f"{kind} authority": secrets.get(instance.id, authority_name(kind)) for kind in kinds}
    ends = {
        name: describe(read_authority(text).certificate_pem).not_after
        for name, text in found.items()
        if text
    }
    for broker in instance.brokers:
        for listener in instance.listeners(broker):
            text = secrets.get(instance.id, _store_name(instance, broker, listener))
            if text:
                ends[f"broker {broker.id} {listener.name}"] = read_store_end(text)
    return ends


def _new_store(site: Site, listener: Listener, leaf: Leaf) -> str:
    password = site.clock.token(STORE_PASSWORD_CHARACTERS)
    facts = describe(leaf.certificate_pem)
    name = f"{listener.name.lower()}-{facts.serial:x}.p12"
    store = Store(name, broker_keystore(leaf, password), password)
    return write_store(store, facts.not_after)


def _truststore(site: Site, instance: Instance) -> Store:
    internal = authority(site, instance, "internal")

    def make() -> str:
        password = site.clock.token(STORE_PASSWORD_CHARACTERS)
        content = broker_truststore([internal.certificate_pem], password)
        end = describe(internal.certificate_pem).not_after
        return write_store(Store("internal-trust-1.p12", content, password), end)

    return read_store(_keep(site, "store-internal-trust-1", make))


def _control_leaf(site: Site, instance: Instance, internal: Authority) -> Leaf:
    request = LeafRequest(
        common_name="control",
        organization=instance.organization,
        ip_addresses=(),
        dns_names=(),
        server=False,
        client=True,
    )
    return issue(internal, request, site.clock.now(), LEAF_DAYS)


def _keep(site: Site, name: str, make: Callable[[], str]) -> str:
    return site.secrets.keep(site.instance_id, name, make)
