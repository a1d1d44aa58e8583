"""The certificate by which the product's own probe comes in where mutual TLS is on."""

from __future__ import annotations

from datetime import timedelta

from certs.facts import describe
from certs.leaf import Leaf, issue
from flows.adapters.secrets.kept import probe_leaf_name, read_leaf, write_leaf
from flows.adapters.site import Site
from flows.domain.instance import Instance
from flows.domain.listeners import Listener
from flows.domain.names import PROBE_USER
from flows.steps.certificates import LEAF_DAYS, authority, control_leaf
from flows.steps.client_certificates import client_leaf

RENEWED_BEFORE = timedelta(days=30)


def probe_leaf(site: Site, instance: Instance) -> Leaf:
    """One of the present authority that holds for a while; made anew when there is none."""
    name = probe_leaf_name(instance.wish)
    text = site.secrets.get(instance.id, name)
    if text is None or _ends_soon(site, read_leaf(text)):
        signer = authority(site, instance, "clients")
        request = client_leaf(instance, PROBE_USER)
        text = write_leaf(issue(signer, request, site.clock.now(), LEAF_DAYS))
        site.secrets.put(instance.id, name, text)
    return read_leaf(text)


def have_probe_leaf(site: Site, instance: Instance) -> None:
    """The probe can come in by a certificate, where clients do."""
    if instance.wish.mutual_tls:
        probe_leaf(site, instance)


def shown_at(site: Site, instance: Instance, listener: Listener) -> Leaf | None:
    """What the product shows where it connects to a listener; None where nobody is asked."""
    if not listener.for_clients:
        return control_leaf(site, instance)
    return probe_leaf(site, instance) if instance.wish.mutual_tls else None


def _ends_soon(site: Site, leaf: Leaf) -> bool:
    return describe(leaf.certificate_pem).not_after - site.clock.now() < RENEWED_BEFORE
