"""The client bundle of an instance: how to connect, whom to trust, ready settings; no password."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from certs.bundle import BundleRequest, client_bundle
from certs.client_settings import Mechanism, MutualTls, SaslSsl, Security
from flows.adapters.secrets.kept import trusted_authorities
from flows.adapters.site import Doors, Records, Secrets
from flows.domain.bundles import bundle_version
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance
from flows.domain.listeners import ListenerName
from flows.queries.lookup import placed


def bundle(doors: Doors, name: str) -> Mapping[str, bytes]:
    """The files of the client bundle, by their path in it; no password is among them."""
    instance = placed(doors.records, name)
    security = _security(doors.secrets, instance)
    return client_bundle(bundle_request(doors.records, instance, security))


def present_version(records: Records, instance_id: str) -> int:
    """The number of the bundle that clients should have; it rises when bundles change."""
    return bundle_version(revision.wish for revision in records.wishes(instance_id))


def bundle_request(records: Records, instance: Instance, security: Security) -> BundleRequest:
    """What a bundle is made from; EffectFailed before the instance has addresses."""
    addresses = instance.addresses(ListenerName.PRIVATE)
    if addresses is None:
        raise EffectFailed(f"instance {instance.name}: it has no addresses yet ({instance.status})")
    version = present_version(records, instance.id)
    return BundleRequest(instance.name, addresses, security, version)


def _security(secrets: Secrets, instance: Instance) -> Security:
    wish = instance.wish
    if wish.first_user is None:
        return None
    authorities = trusted_authorities(secrets, instance, "clients")
    if wish.mutual_tls:
        return MutualTls(authorities)
    mechanisms = cast(tuple[Mechanism, ...], wish.mechanisms)
    return SaslSsl(wish.first_user, mechanisms, authorities)
