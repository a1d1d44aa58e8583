"""What the product shows to an instance: its certificate, its logins, and whom it trusts."""

from __future__ import annotations

from certs.authority import Kind
from certs.facts import describe
from certs.leaf import Leaf
from flows.adapters.kafka import Credentials
from flows.adapters.secrets.kept import (
    PROBE_PASSWORD,
    ZOOKEEPER_PASSWORD,
    control_leaf_name,
    kept,
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
        clients_ca_pem=_trusted(secrets, instance, "clients") if secured else None,
        probe_user=PROBE_USER,
        probe_password=kept(secrets, instance, PROBE_PASSWORD) if secured else None,
        probe_certificate_pem=probe.certificate_pem.decode() if probe else None,
        probe_key_pem=probe.key_pem.decode() if probe else None,
        clients_names_checked=not _lacks_names(secrets, instance),
    )


def _lacks_names(secrets: Secrets, instance: Instance) -> bool:
    """Whether a user's own certificate is served although it lacks a name; that was accepted."""
    numbers = instance.wish.client_facing
    if numbers.authority not in numbers.uploaded:
        return False
    upload = read_upload(kept(secrets, instance, upload_name(numbers.authority)))
    facts = describe(upload.chain[0])
    named = (*facts.ip_addresses, *facts.dns_names)
    return bool(missing_names(named, names_in_use(instance)))


def _probe_leaf(secrets: Secrets, instance: Instance) -> Leaf | None:
    text = secrets.get(instance.id, probe_leaf_name(instance.wish))
    return read_leaf(text) if text else None


def _trusted(secrets: Secrets, instance: Instance, kind: Kind) -> str:
    return b"".join(trusted_authorities(secrets, instance, kind)).decode()


def zookeeper_login(secrets: Secrets, instance: Instance) -> tuple[str, str]:
    """The login that owns every node of the instance."""
    return LOGIN, kept(secrets, instance, ZOOKEEPER_PASSWORD)
