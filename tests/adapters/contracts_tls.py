"""What every implementation of `Tls` must do."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from certs.facts import describe
from certs.leaf import Leaf
from flows.adapters.site import Tls
from flows.domain.errors import EffectFailed


def tls_contract(
    tls: Tls, place: tuple[str, int], chain: Sequence[bytes], known: Leaf, stranger: Leaf
) -> None:
    """At the place something serves the chain and demands a certificate; it trusts `known`'s CA."""
    address, port = place
    found = tls.served(address, port, client=known)
    assert found.pems == tuple(chain)
    facts = describe(chain[0])
    assert (found.serial, found.not_after) == (facts.serial, facts.not_after)
    assert tls.accepts(address, port, known)
    assert not tls.accepts(address, port, stranger)
    assert not tls.accepts(address, port, None)
    with pytest.raises(EffectFailed, match=rf"{address}:1: no TLS handshake: "):
        tls.served(address, 1)
    with pytest.raises(EffectFailed, match=rf"{address}:1: no TLS handshake: "):
        tls.accepts(address, 1, known)
