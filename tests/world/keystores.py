"""Which key stores a running fake broker takes, by the names in them (kafka-facts 3.2)."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Mapping
from functools import cache

from certs.facts import describe
from certs.own_stores import keystore_chain
from flows.domain.errors import EffectFailed
from flows.domain.versions import Version, VersionName
from tests.world.listeners import setting
from tests.world.machines import FakeHost

LOCATION = ".ssl.keystore.location"


def check_names(
    host: FakeHost, told: Mapping[str, str], values: Mapping[str, str], release: Version
) -> None:
    """From 2.7 on a store may have more names, before only the same; what counts is the file."""
    for key, path in values.items():
        if key.endswith(LOCATION):
            password = setting(host, told, key.replace(".location", ".password")) or ""
            used = setting(host, told, key) or ""
            if used not in host.contents:
                continue  # a listener that there was not
            before, after = (_names(host.contents[each], password) for each in (used, path))
            refused = not before <= after if release.more_names_live else before != after
            if refused:
                raise EffectFailed(f"{host.machine.name}: Keystore SubjectAltNames do not match")


def read_again(
    host: FakeHost, told: Mapping[str, str], values: Mapping[str, str], release: Version
) -> None:
    """A broker that is told of a store reads it; 1.1.0 not where it is the one that it uses."""
    for key, path in values.items():
        again = path == setting(host, told, key) and release.name == VersionName.V1_1
        if key.endswith(LOCATION) and path in host.contents and not again:
            host.read[path] = host.contents[path]


@cache
def _names(content: str, password: str) -> frozenset[str]:
    facts = describe(keystore_chain(b64decode(content), password)[0])
    return frozenset((*facts.ip_addresses, *facts.dns_names))
