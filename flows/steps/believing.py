"""What is served, judged as a client would: by the authorities it trusts and the name it asked.

That a broker serves what was made for it says nothing of whether the right thing was made.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from certs.authority import Kind
from certs.believing import disbelief
from certs.facts import describe
from flows.adapters.secrets.kept import authority_pems, certificates
from flows.adapters.site import Site
from flows.domain.instance import Instance
from flows.domain.listeners import Listener
from flows.domain.uploads import missing_names


def disbelieved(
    site: Site, instance: Instance, listener: Listener, chain: Sequence[bytes]
) -> str | None:
    """Why clients of the listener refuse the chain that it serves; None when they do not."""
    return _unnamed(instance, listener, chain) or _untrusted(site, instance, listener, chain)


def _unnamed(instance: Instance, listener: Listener, chain: Sequence[bytes]) -> str | None:
    numbers = certificates(instance.wish, _kind(listener))
    if numbers.authority in numbers.uploaded:
        return None  # A name that a user's own certificate lacks was accepted.
    facts = describe(chain[0])
    named = (*facts.ip_addresses, *facts.dns_names)
    if not missing_names(named, [listener.advertised_host]):
        return None
    return (
        f"its certificate is for {', '.join(named) or 'no name at all'}, and whoever comes by "
        f"{listener.advertised_host} refuses it"
    )


def _untrusted(
    site: Site, instance: Instance, listener: Listener, chain: Sequence[bytes]
) -> str | None:
    kind = _kind(listener)
    for number in _believers(instance, listener):
        trusted = authority_pems(site.secrets, instance, kind, number)
        reason = disbelief(chain, trusted)
        if reason:
            return f"whoever trusts authority {number} alone refuses it: {reason}"
    return None


def _believers(instance: Instance, listener: Listener) -> Iterator[int]:
    """The authorities of which a client that trusts only one has to be able to connect."""
    numbers = certificates(instance.wish, _kind(listener))
    yield numbers.authority
    if listener.for_clients and numbers.crossed is not None:
        yield numbers.crossed


def _kind(listener: Listener) -> Kind:
    return "clients" if listener.for_clients else "internal"
