"""The client bundle of an instance: how to connect, whom to trust, ready settings; no password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from certs.bundle import BundleRequest, client_bundle
from certs.client_settings import Mechanism, SaslSsl
from flows.adapters.secrets.kept import authority_name, kept, read_authority
from flows.adapters.site import Doors, Secrets
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance
from flows.domain.listeners import ListenerName
from flows.queries.lookup import placed


def bundle(doors: Doors, name: str) -> Mapping[str, bytes]:
    """The files of the client bundle, by their path in it; no password is among them."""
    instance = placed(doors.records, name)
    addresses = instance.addresses(ListenerName.PRIVATE)
    if addresses is None:
        raise EffectFailed(f"instance {instance.name}: it has no addresses yet ({instance.status})")
    security = _security(doors.secrets, instance)
    return client_bundle(BundleRequest(instance.name, addresses, security))


def _security(secrets: Secrets, instance: Instance) -> SaslSsl | None:
    wish = instance.wish
    if wish.first_user is None:
        return None
    authority = read_authority(kept(secrets, instance, authority_name("clients")))
    mechanisms = cast(tuple[Mechanism, ...], wish.mechanisms)
    return SaslSsl(wish.first_user, mechanisms, (authority.certificate_pem,))
