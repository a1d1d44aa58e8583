"""Certificates that nobody should see: served by something in between, or put into a store."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from certs.authority import Authority, new_authority
from certs.facts import describe
from certs.leaf import Leaf, LeafRequest, issue
from certs.stores import broker_keystore
from flows.adapters.hosts.connection import Connection
from flows.adapters.secrets.kept import SSH_KEY, authority_name, kept, read_authority
from flows.domain.instance import Machine
from tests.acceptance.parts import Demo, in_namespace
from tests.acceptance.plane import wait_until

NOBODYS = "192.0.2.1"
"""An address of documentation (RFC 5737): no broker has it, and no client comes by it."""
TABLE = "in_between"
Place = tuple[str, int]
_ACCEPTS = re.compile(r"^ACCEPT \S+:(\d+)$", re.MULTILINE)


def lacking_names(demo: Demo) -> Leaf:
    """What only lacks the names that clients use: subject and authority are right."""
    numbers = demo.instance.wish.client_facing
    name = authority_name("clients", numbers.authority)
    text = kept(demo.plane.doors.secrets, demo.instance, name)
    return _issued(demo, read_authority(text), (NOBODYS,))


def of_a_stranger(demo: Demo, place: Place) -> Leaf:
    """Subject and names of what is served there, signed by an authority that nobody trusts."""
    served = describe(demo.plane.doors.tls.served(*place).pems[0])
    now = demo.plane.doors.clock.now()
    stranger = new_authority("clients", demo.instance.organization, 99, now)
    return _issued(demo, stranger, served.ip_addresses)


@contextmanager
def in_between(namespace: str, place: Place, leaf: Leaf, directory: Path) -> Iterator[None]:
    """Who opens a connection to this place from that namespace meets another TLS server.

    Connections that are open lead on to the broker: only the first packet of one is diverted.
    """
    with _tls_server(namespace, leaf, directory) as port:
        address, real = place
        rules = (
            f"table ip {TABLE} {{ chain output {{ type nat hook output priority -100; "
            f"ip daddr {address} tcp dport {real} tcp flags & (fin|syn|rst|ack) == syn "
            f"redirect to :{port}; }}; }}\n"
        )
        try:
            done = in_namespace(namespace, "nft", "-f", "-", input=rules)
            assert done.returncode == 0, done.stderr
            yield
        finally:
            in_namespace(namespace, "nft", "delete", "table", "ip", TABLE)


@contextmanager
def spoiled_store(demo: Demo, broker: int, leaf: Leaf) -> Iterator[None]:
    """The next PRIVATE store that the broker is told of is another one than was delivered."""
    kafka: Any = type(demo.plane.doors.kafka)
    tell: Callable[..., None] = kafka.alter_broker
    left = [demo.instance.broker(broker).machine]

    def told(self: Any, instance: Any, number: int, values: Mapping[str, str]) -> None:
        path = values.get("listener.name.private.ssl.keystore.location")
        if number == broker and path and left:
            machine = left.pop()
            assert machine is not None
            _overwrite(demo, machine, path, leaf)
        tell(self, instance, number, values)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kafka, "alter_broker", told)
        yield
    assert not left, f"broker {broker} was told of no store"


def _issued(demo: Demo, signer: Authority, addresses: tuple[str, ...]) -> Leaf:
    request = LeafRequest(
        common_name="broker",
        organization=demo.instance.organization,
        ip_addresses=addresses,
        dns_names=(),
        server=True,
        client=False,
    )
    return issue(signer, request, demo.plane.doors.clock.now(), 30)


@contextmanager
def _tls_server(namespace: str, leaf: Leaf, directory: Path) -> Iterator[int]:
    """OpenSSL's own server, which shows the certificate; its port."""
    identity, said = directory / "identity.pem", directory / "said"
    identity.write_bytes(leaf.certificate_pem + leaf.key_pem)
    # It says much of every connection; a pipe that nobody empties would stop it.
    with said.open("w") as output:
        process = subprocess.Popen(
            ["nsenter", f"--net=/run/netns/{namespace}", "openssl", "s_server", "-accept",
             "127.0.0.1:0", "-cert", identity, "-key", identity],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        found = wait_until(lambda: _ACCEPTS.search(said.read_text()), "it listens", 20)
        yield int(found[1])
    finally:
        process.kill()
        process.communicate()


def _overwrite(demo: Demo, machine: Machine, path: str, leaf: Leaf) -> None:
    """Owner and mode of the file stay."""
    secrets = demo.plane.doors.secrets
    content = broker_keystore(leaf, kept(secrets, demo.instance, "store-password"))
    connection = Connection(machine, kept(secrets, demo.instance, SSH_KEY))
    try:
        answer = connection.run(f"sh -c 'test -f {path} && cat >{path}'", content)
    finally:
        connection.close()
    assert answer.code == 0, answer.errors
