"""Every certificate of an instance as it is found now: listeners are asked what they serve."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from certs.authority import Kind
from certs.facts import CertificateFacts, describe
from certs.leaf import Leaf
from flows.adapters.secrets.client_certificates import issued_certificates
from flows.adapters.secrets.kept import (
    authority_name,
    certificates,
    control_leaf_name,
    probe_leaf_name,
    read_authority,
    read_leaf,
    read_upload,
    upload_name,
)
from flows.adapters.site import Hosts, Secrets, Tls, Tunnel
from flows.domain.certificates import Certificates
from flows.domain.errors import EffectFailed
from flows.domain.expiry import Renewal, SeenCertificate
from flows.domain.firewall import open_to_product
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import Listener, ListenerName

AT_ONCE = 8
KINDS: tuple[Kind, ...] = ("internal", "clients")


@dataclass(frozen=True)
class Sight:
    """The doors through which certificates are looked at."""

    secrets: Secrets
    tls: Tls
    hosts: Hosts


def seen_certificates(sight: Sight, instance: Instance) -> tuple[SeenCertificate, ...]:
    """What brokers serve on every listener that the product reaches, and all that stands behind.

    INTERNAL is closed to the product: it is asked from its broker's own host. Nothing is changed;
    who does not answer is among them, with the reason.
    """
    secrets, places = sight.secrets, list(_places(instance))
    with ThreadPoolExecutor(AT_ONCE) as pool:
        served = pool.map(lambda place: _served(sight, instance, place), places)
        return (*_authorities(secrets, instance), *_products(secrets, instance), *served,
                *_issued(secrets, instance))  # fmt: skip


def _places(instance: Instance) -> Iterator[tuple[Broker, Listener]]:
    for broker in instance.brokers:
        if broker.address is None:
            continue
        seen = {each.name for each in open_to_product(instance, broker)} | {ListenerName.INTERNAL}
        for listener in instance.listeners(broker):
            if listener.secured and listener.name in seen:
                yield broker, listener


def _served(sight: Sight, instance: Instance, place: tuple[Broker, Listener]) -> SeenCertificate:
    broker, listener = place
    name, renewal = f"broker {broker.id} {listener.name}", _renewal(instance, listener)
    try:
        client = _shown(sight.secrets, instance, listener)
        found = sight.tls.served(
            str(broker.address),
            listener.port,
            client=client,
            tunnel=_tunnel(sight.hosts, broker, listener),
        )
    except EffectFailed as silence:
        return SeenCertificate(name, renewal, silence=str(silence))
    ends = min(describe(pem).not_after for pem in found.pems)
    return replace(_seen(name, describe(found.pems[0]), renewal), expires=ends)


def _tunnel(hosts: Hosts, broker: Broker, listener: Listener) -> Tunnel | None:
    if listener.name is not ListenerName.INTERNAL or broker.machine is None:
        return None
    return hosts.tunnel(broker.machine, listener.port)


def _renewal(instance: Instance, listener: Listener) -> Renewal:
    if not listener.for_clients:
        return Renewal.INTERNAL
    numbers = instance.wish.client_facing
    return Renewal.OWNER if numbers.authority in numbers.uploaded else Renewal.LEAF


def _shown(secrets: Secrets, instance: Instance, listener: Listener) -> Leaf | None:
    if listener.for_clients and not instance.wish.mutual_tls:
        return None
    name = probe_leaf_name if listener.for_clients else control_leaf_name
    text = secrets.get(instance.id, name(instance.wish))
    return read_leaf(text) if text else None


def _authorities(secrets: Secrets, instance: Instance) -> Iterator[SeenCertificate]:
    for kind in KINDS:
        numbers = certificates(instance.wish, kind)
        for number in numbers.trusted:
            uploaded = number in numbers.uploaded
            store = upload_name(number) if uploaded else authority_name(kind, number)
            text = secrets.get(instance.id, store)
            if text is None:
                continue
            pem = read_upload(text).trusted[0] if uploaded else read_authority(text).certificate_pem
            facts = describe(pem)
            yield _seen(f"{kind} authority {number}", facts, _succession(kind, numbers, number))


def _succession(kind: Kind, numbers: Certificates, number: int) -> Renewal:
    if number != numbers.authority:
        return Renewal.NOBODY
    if number in numbers.uploaded:
        return Renewal.OWNER
    return Renewal.INTERNAL if kind == "internal" else Renewal.AUTHORITY


def _products(secrets: Secrets, instance: Instance) -> Iterator[SeenCertificate]:
    text = secrets.get(instance.id, control_leaf_name(instance.wish))
    if text:
        facts = describe(read_leaf(text).certificate_pem)
        yield _seen("the product", facts, Renewal.INTERNAL)


def _issued(secrets: Secrets, instance: Instance) -> Iterator[SeenCertificate]:
    for each in issued_certificates(secrets, instance.id, instance.wish):
        if not each.revoked:
            yield SeenCertificate(
                name=f"certificate {each.number} of {each.user}",
                renewal=Renewal.OWNER,
                serial=each.serial,
                subject=f"CN={each.user}",
                issuer=each.issuer,
                expires=each.expires,
            )


def _seen(name: str, facts: CertificateFacts, renewal: Renewal) -> SeenCertificate:
    return SeenCertificate(
        name=name,
        renewal=renewal,
        serial=f"{facts.serial:x}",
        subject=facts.subject,
        issuer=facts.issuer,
        expires=facts.not_after,
    )
