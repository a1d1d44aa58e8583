"""What the product shows to an instance: its certificate, its logins, and whom it trusts."""

from __future__ import annotations

from flows.adapters.kafka import Credentials
from flows.adapters.secrets.kept import (
    CONTROL_LEAF,
    PROBE_PASSWORD,
    ZOOKEEPER_PASSWORD,
    authority_name,
    kept,
    read_authority,
    read_leaf,
)
from flows.adapters.site import Secrets
from flows.domain.instance import Instance
from flows.domain.names import PROBE_USER
from flows.domain.zookeeper_config import LOGIN


def kafka_credentials(secrets: Secrets, instance: Instance) -> Credentials:
    """The product's certificate for CONTROL and the probe's login for PRIVATE."""
    leaf = read_leaf(kept(secrets, instance, CONTROL_LEAF))
    internal = read_authority(kept(secrets, instance, authority_name("internal")))
    clients = read_authority(kept(secrets, instance, authority_name("clients")))
    secured = instance.wish.sasl_ssl
    return Credentials(
        control_certificate_pem=leaf.certificate_pem.decode(),
        control_key_pem=leaf.key_pem.decode(),
        internal_ca_pem=internal.certificate_pem.decode(),
        clients_ca_pem=clients.certificate_pem.decode() if secured else None,
        probe_user=PROBE_USER,
        probe_password=kept(secrets, instance, PROBE_PASSWORD) if secured else None,
    )


def zookeeper_login(secrets: Secrets, instance: Instance) -> tuple[str, str]:
    """The login that owns every node of the instance."""
    return LOGIN, kept(secrets, instance, ZOOKEEPER_PASSWORD)
