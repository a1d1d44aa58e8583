"""The control plane reads whole chains, and tells who is let in, with TLS 1.2 and 1.3 alike."""

from __future__ import annotations

import json
import socket
import ssl
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import pytest

from certs.authority import Authority, cross_sign, new_authority
from certs.leaf import Leaf, LeafRequest, issue
from flows.adapters.hosts.tunnel import relay_command
from flows.adapters.site import Stream
from flows.adapters.tls import TlsHandshakes
from flows.domain.errors import EffectFailed
from flows.domain.served import ServedChain, differs
from tests.adapters.contracts_tls import tls_contract
from tests.adapters.test_fakes import created

NOW = datetime.now(UTC)
T = TypeVar("T")
ANSWER = struct.pack(">iih", 6, 1, 0)


@dataclass(frozen=True)
class Party:
    """Two authorities, a server's chain that is crossed, a client of each."""

    trusted: Authority
    chain: Leaf
    known: Leaf
    stranger: Leaf


@pytest.fixture(scope="module")
def party() -> Party:
    old, new = (new_authority("internal", "acme", number, NOW) for number in (1, 2))
    leaf = issue(new, _request("broker", server=True), NOW, 30)
    crossed = Leaf(leaf.certificate_pem, leaf.key_pem, (cross_sign(new.certificate_pem, old),))
    known, stranger = (issue(ca, _request("control"), NOW, 30) for ca in (old, new))
    return Party(old, crossed, known, stranger)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_handshakes_keep_the_contract(
    party: Party, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    with _serving(party, version, tmp_path) as place:
        tls_contract(TlsHandshakes(), place, _pems(party), party.known, party.stranger)


class Here:
    """A tunnel that begins on this host."""

    def __init__(self, port: int) -> None:
        self.port = port

    def talk(self, conversation: Callable[[Stream], T]) -> T:
        with socket.create_connection(("127.0.0.1", self.port), timeout=5) as stream:
            return conversation(stream)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_chain_is_read_through_a_tunnel_too(
    party: Party, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    with _serving(party, version, tmp_path) as (_, port):
        found = TlsHandshakes().served("10.0.0.1", 9090, client=party.known, tunnel=Here(port))
    assert found.pems == _pems(party)


def _hang_up(server: socket.socket) -> None:
    server.accept()[0].close()


def test_a_tunnel_that_ends_is_said() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        threading.Thread(target=_hang_up, args=(server,), daemon=True).start()
        with pytest.raises(EffectFailed, match=r"10.0.0.1:9090: no TLS handshake: "):
            TlsHandshakes().served("10.0.0.1", 9090, tunnel=Here(port))


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_host_relays_a_handshake_by_its_own_python(
    party: Party, version: ssl.TLSVersion, tmp_path: Path
) -> None:
    """The command that a tunnel runs over SSH, run here: its bytes are those of a socket."""

    class Relayed:
        def talk(self, conversation: Callable[[Stream], T]) -> T:
            argv = ["/bin/sh", "-c", relay_command("127.0.0.1", port)]
            ours, theirs = socket.socketpair()
            end = theirs.fileno()
            with subprocess.Popen(argv, stdin=end, stdout=end) as process, ours:
                theirs.close()
                ours.settimeout(20)
                found = conversation(ours)
                ours.shutdown(socket.SHUT_WR)
                assert process.wait(20) == 0, "it ends with the conversation"
                return found

    with _serving(party, version, tmp_path) as (_, port):
        found = TlsHandshakes().served("10.0.0.1", 9090, client=party.known, tunnel=Relayed())
    assert found.pems == _pems(party)


def test_what_answers_nothing_is_said(monkeypatch: pytest.MonkeyPatch, party: Party) -> None:
    monkeypatch.setattr("flows.adapters.tls.handshake.SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        with pytest.raises(EffectFailed, match=f"127.0.0.1:{port}: no answer within 0.2 s"):
            TlsHandshakes().accepts("127.0.0.1", port, party.known)


def test_a_chain_that_differs_is_described(party: Party) -> None:
    whole = _pems(party)
    served = ServedChain(whole, 255, NOW)
    assert differs(served, whole) is None
    assert differs(ServedChain(whole[:1], 255, NOW), whole) == (
        "it serves the right certificate ff, but of the 1 to be sent after it 0, or others"
    )
    other = differs(served, (party.known.certificate_pem,))
    assert other == "it serves the certificate ff, which is another one"


def test_fake_handshakes_keep_the_contract(party: Party) -> None:
    world, instance = created()
    host = next(iter(world.provider.hosts.values()))
    control = Leaf(*_control(world.secrets.kept[instance.id, "control-certificate"]))
    place = (host.machine.address, 9091)
    chain = world.tls.chain(host, "control")
    tls_contract(world.tls, place, chain, control, party.stranger)


def _control(text: str) -> tuple[bytes, bytes]:
    pair = json.loads(text)
    return pair["certificate"].encode(), pair["key"].encode()


def _pems(party: Party) -> tuple[bytes, ...]:
    return (party.chain.certificate_pem, *party.chain.chain)


def _request(name: str, *, server: bool = False) -> LeafRequest:
    return LeafRequest(name, "acme", ("127.0.0.1",), (), server=server, client=True)


@contextmanager
def _serving(party: Party, version: ssl.TLSVersion, directory: Path) -> Iterator[tuple[str, int]]:
    """A server that answers the first request of whoever shows a certificate that it trusts."""
    files = directory / "chain.pem", directory / "key.pem"
    files[0].write_bytes(b"".join(_pems(party)))
    files[1].write_bytes(party.chain.key_pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = context.maximum_version = version
    context.load_cert_chain(*files)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=party.trusted.certificate_pem.decode())
    with socket.create_server(("127.0.0.1", 0)) as listening:
        threading.Thread(target=_answer, args=(listening, context), daemon=True).start()
        yield "127.0.0.1", listening.getsockname()[1]


def _answer(listening: socket.socket, context: ssl.SSLContext) -> None:
    while True:
        try:
            plain, _ = listening.accept()
        except OSError:
            return
        with suppress(OSError), plain, context.wrap_socket(plain, server_side=True) as client:
            if client.recv(100):
                client.sendall(ANSWER)
