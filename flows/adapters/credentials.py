"""What the product shows to an instance: its certificate, its logins, and whom it trusts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from certs.authority import Kind
from certs.facts import describe
from certs.leaf import Leaf
from flows.adapters.kafka import Credentials
from flows.adapters.secrets.kept import (
    PROBE_PASSWORD,
    ZOOKEEPER_PASSWORD,
    control_leaf_name,
    kept,
    kept_authorities,
    probe_leaf_name,
    read_leaf,
    read_upload,
    trusted_authorities,
    upload_name,
)
from flows.adapters.site import Secrets
from flows.domain.instance import Instance
from flows.domain.names import PROBE_USER
from flows.domain.uploads import missing_names, names_in_use
from flows.domain.zookeeper_config import LOGIN


def kafka_credentials(secrets: Secrets, instance: Instance) -> Credentials:
    """The product's certificate for CONTROL and the probe's login for PRIVATE."""
    leaf = read_leaf(kept(secrets, instance, control_leaf_name(instance.wish)))
    secured, probe = instance.wish.sasl_ssl, _probe_leaf(secrets, instance)
    return Credentials(
        control_certificate_pem=leaf.certificate_pem.decode(),
        control_key_pem=leaf.key_pem.decode(),
        internal_ca_pem=_trusted(secrets, instance, "internal"),
        clients_ca_pem=_trusted_clients(secrets, instance) if secured else None,
        probe_user=PROBE_USER,
        probe_password=kept(secrets, instance, PROBE_PASSWORD) if secured else None,
        probe_certificate_pem=probe.certificate_pem.decode() if probe else None,
        probe_key_pem=probe.key_pem.decode() if probe else None,
        clients_names_checked=not _lacks_names(secrets, instance),
    )


def _lacks_names(secrets: Secrets, instance: Instance) -> bool:
    """Whether a user's own certificate is served although it lacks a name; that was accepted."""
    for each in _may_be_served(instance):
        numbers = each.wish.client_facing
        text = secrets.get(each.id, upload_name(numbers.authority))
        if text is None or numbers.authority not in numbers.uploaded:
            continue
        facts = describe(read_upload(text).chain[0])
        if missing_names((*facts.ip_addresses, *facts.dns_names), names_in_use(each)):
            return True
    return False


def _may_be_served(instance: Instance) -> Iterator[Instance]:
    """The instance as it is wished, and with what a roll-back has not taken back everywhere yet."""
    yield instance
    begun = instance.wish.client_facing.taken_back
    if begun is not None:
        wish = instance.wish.model_copy(update={"client_facing": begun})
        yield replace(instance, wish=wish)


def _trusted_clients(secrets: Secrets, instance: Instance) -> str:
    present, *begun = _may_be_served(instance)
    trusted = trusted_authorities(secrets, present, "clients")
    also = (pem for each in begun for pem in kept_authorities(secrets, each, "clients"))
    return b"".join(dict.fromkeys((*trusted, *also))).decode()


def _probe_leaf(secrets: Secrets, instance: Instance) -> Leaf | None:
    text = secrets.get(instance.id, probe_leaf_name(instance.wish))
    return read_leaf(text) if text else None


def _trusted(secrets: Secrets, instance: Instance, kind: Kind) -> str:
    return b"".join(trusted_authorities(secrets, instance, kind)).decode()


def zookeeper_login(secrets: Secrets, instance: Instance) -> tuple[str, str]:
    """The login that owns every node of the instance."""
    return LOGIN, kept(secrets, instance, ZOOKEEPER_PASSWORD)
