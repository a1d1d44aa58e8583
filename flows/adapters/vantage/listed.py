"""Vantages of one's own: hosts that the list of machines names, one for each network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from flows.adapters.hosts.connections import Connections
from flows.adapters.vantage.ssh import Login, SshVantage
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance, Machine
from flows.domain.vantage import Network
from inventories.hosts import HostList, Post


@dataclass(frozen=True)
class ListedVantages:
    """Implements `Vantages` with the list's `vantages`."""

    listed: HostList
    login: Callable[[Instance], Login] = field(repr=False)

    @cached_property
    def _connections(self) -> dict[Network, Connections]:
        return {}

    def of(self, network: Network) -> SshVantage | None:
        """The host that the list names for that network."""
        found = next((each for each in self.listed.vantages if each.network == network), None)
        if found is None:
            return None
        present = self._connections.get(network)
        if present is None:
            present = Connections(lambda: key_at(found), rooted=False)
            self._connections[network] = present
        return SshVantage(network, machine_at(found), present, self.login)


def machine_at(post: Post) -> Machine:
    """The host as SSH reaches it."""
    return Machine(post.name, 0, 0, post.address, "", post.host_key, user=post.user, port=post.port)


def key_at(post: Post) -> str:
    """The text of the owner's private key."""
    try:
        return post.key_file.read_text(encoding="ascii")
    except OSError as error:
        raise EffectFailed(f"{post.words}: key_file {post.key_file}: {error.strerror}") from None
