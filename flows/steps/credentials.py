"""What the product shows to an instance: its certificate, its logins, and whom it trusts."""

from __future__ import annotations

from flows.adapters.kafka import Credentials
from flows.adapters.site import Secrets
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance
from flows.domain.names import PROBE_USER
from flows.domain.zookeeper_config import LOGIN
from flows.steps.certificates import CONTROL_LEAF, authority_name, read_authority, read_leaf
from flows.steps.ensemble import PROBE_PASSWORD


def kafka_credentials(secrets: Secrets, instance: Instance) -> Credentials:
    """The product's certificate for CONTROL and the probe's login for PRIVATE."""
    leaf = read_leaf(_kept(secrets, instance, CONTROL_LEAF))
    internal = read_authority(_kept(secrets, instance, authority_name("internal")))
    clients = read_authority(_kept(secrets, instance, authority_name("clients")))
    secured = instance.wish.sasl_ssl
    return Credentials(
        control_certificate_pem=leaf.certificate_pem.decode(),
        control_key_pem=leaf.key_pem.decode(),
        internal_ca_pem=internal.certificate_pem.decode(),
        clients_ca_pem=clients.certificate_pem.decode() if secured else None,
        probe_user=PROBE_USER,
        probe_password=_kept(secrets, instance, PROBE_PASSWORD) if secured else None,
    )


def zookeeper_login(secrets: Secrets, instance: Instance) -> tuple[str, str]:
    """The login that owns every node of the instance."""
    return LOGIN, _kept(secrets, instance, "zookeeper-kafka")


def _kept(secrets: Secrets, instance: Instance, name: str) -> str:
    found = secrets.get(instance.id, name)
    if found is None:
        raise EffectFailed(f"instance {instance.name}: its secret {name} has not been made yet")
    return found
