"""What a client says of an address, asked of real brokers of each version; refusals by their text.

The script runs as it does at a vantage: as text on the standard input of a Python of its own.
"""

from __future__ import annotations

import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from certs.authority import cross_sign, new_authority
from certs.leaf import LeafRequest, issue
from flows.adapters.hosts.asking import ask
from flows.adapters.hosts.connection import Answer
from flows.adapters.vantage.ssh import Login, login_of
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance, Machine
from flows.domain.listeners import ListenerName, Protocol
from flows.domain.vantage import Address, Network, address_of
from flows.domain.versions import VersionName
from tests.adapters.kafka_on_loopback import Loopback, kafka_on_loopback
from tests.world.world import World

CLIENT = Path("flows/adapters/vantage/remote/client.py")


class Here:
    """Stands for a connection to this machine: commands run without SSH and without a shell."""

    machine = Machine("here", 0, 0, "127.0.0.1", "", "")

    def run(self, command: str, given: bytes = b"", limit: float = 30.0) -> Answer:
        """As `Connection.run`."""
        argv = [sys.executable, *command.split()[1:]]
        done = subprocess.run(argv, input=given, capture_output=True, timeout=limit, check=False)
        return Answer(done.stdout, done.stderr.decode(), done.returncode)


def look(address: Address, login: Login, instance: str = "loopback") -> Mapping[str, Any]:
    """What the client says of one address."""
    asked = {**asdict(address), "protocol": str(address.protocol), "instance": instance}
    here: Any = Here()
    (told,) = ask(here, CLIENT, "look", addresses=[asked], login=asdict(login))
    assert isinstance(told, dict)
    return told


def private(instance: Instance) -> Address:
    """Where the broker's clients come in."""
    (listener,) = [
        each
        for each in instance.listeners(instance.brokers[0])
        if each.name is ListenerName.PRIVATE
    ]
    return address_of(1, listener)


@pytest.fixture(scope="module")
def loopback() -> Iterator[Loopback]:
    with kafka_on_loopback() as running:
        yield running


@pytest.mark.lab
def test_the_right_broker_is_known_on_the_very_connection(loopback: Loopback) -> None:
    assert_told_apart(loopback)


@pytest.mark.lab
@pytest.mark.slow
@pytest.mark.parametrize("version", [VersionName.V1_1, VersionName.V2_3])
def test_the_right_broker_is_known_on_older_versions(version: VersionName) -> None:
    with kafka_on_loopback(version) as running:
        assert_told_apart(running)


@pytest.mark.lab
def test_a_login_that_is_wrong_is_told(loopback: Loopback) -> None:
    login = replace(login_of(loopback.credentials), password="not-the-Password-1")
    told = look(private(loopback.instance), login)
    assert told["stage"] == "login"
    assert told["reason"].startswith("the login is refused: ")


@pytest.mark.lab
def test_a_name_that_the_certificate_does_not_have_is_told(loopback: Loopback) -> None:
    address = replace(private(loopback.instance), host="localhost")
    elsewhere = replace(address, port=1)
    assert look(elsewhere, Login())["reason"].startswith("no connection to 127.0.0.1:1: ")
    with forwarding_to(private(loopback.instance)) as port:
        told = look(replace(address, port=port), login_of(loopback.credentials))
    assert told["stage"] == "tls"
    assert told["reason"] == "the certificate that is served there is not for localhost"


@pytest.mark.lab
def test_an_authority_that_clients_do_not_trust_is_told(loopback: Loopback) -> None:
    other = new_authority("clients", "other", 1, datetime.now(UTC)).certificate_pem.decode()
    told = look(
        private(loopback.instance), replace(login_of(loopback.credentials), authorities=other)
    )
    assert told["stage"] == "tls"
    assert "of an authority that clients do not trust, or not valid now" in told["reason"]


def test_a_name_that_does_not_resolve_is_told() -> None:
    told = look(Address(1, "no-such-name.invalid", 9011, Protocol.PLAINTEXT), Login())
    assert told["stage"] == "resolve"
    assert told["reason"].startswith("the name no-such-name.invalid does not resolve here: ")


def test_who_does_not_speak_kafka_is_told() -> None:
    with speaking(b"HTTP/1.1 400 Bad Request\r\n\r\n") as port:
        told = look(Address(1, "127.0.0.1", port, Protocol.PLAINTEXT), Login())
    assert (told["stage"], told["reason"]) == ("metadata", "what answers there is not Kafka")


def test_the_whole_chain_is_told_as_it_was_sent(tmp_path: Path) -> None:
    """Also to a client that is not let in afterwards."""
    now = datetime.now(UTC)
    old, new = (new_authority("clients", "orders", each, now) for each in (1, 2))
    request = LeafRequest("broker", "orders", ("127.0.0.1",), (), server=True, client=False)
    leaf, cross = issue(new, request, now, 1), cross_sign(new.certificate_pem, old)
    identity = tmp_path / "identity.pem"
    identity.write_bytes(leaf.certificate_pem + cross + leaf.key_pem)
    login = Login(authorities=old.certificate_pem.decode())
    with serving(identity) as port:
        told = look(Address(1, "127.0.0.1", port, Protocol.SASL_SSL), login)
    assert told["stage"] == "login"
    assert told["served"] == [leaf.certificate_pem.decode(), cross.decode()]
    assert told["whole"] is True


def test_who_closes_without_an_answer_is_told() -> None:
    with speaking(b"") as port:
        told = look(Address(1, "127.0.0.1", port, Protocol.PLAINTEXT), Login())
    assert told["reason"] == "the connection was closed without an answer"


def test_the_fake_says_the_same_of_wrong_brokers() -> None:
    """The reasons of the fake world are those of the script."""
    script = CLIENT.read_text(encoding="utf-8")
    fake = Path("tests/world/vantages.py").read_text(encoding="utf-8")
    for words in (
        "does not resolve here",
        "nobody answers at",
        "the certificate that is served there is not for",
        "of another instance, ",
        "answers there",
    ):
        assert words in script
        assert words in fake


def test_a_fake_vantage_that_is_silent_is_a_failure() -> None:
    world = World()
    world.vantages.silent.add(Network.OUTSIDE)
    vantage = world.vantages.of(Network.OUTSIDE)
    assert vantage is not None
    instance: Any = None
    with pytest.raises(EffectFailed, match="does not answer"):
        vantage.ask(instance, [])


def assert_told_apart(running: Loopback) -> None:
    """Right and wrong numbers and instances, with and without a login."""
    login = login_of(running.credentials)
    for instance in (running.instance, running.open_instance):
        address = private(instance)
        told = look(address, login)
        assert (told["stage"], told["reason"]) == ("right", None)
        assert (told["answered_by"], told["instance"]) == (1, "loopback")
        assert told["resolved"] == [address.host]
        assert told["advertised"] == [[1, address.words]]
        assert bool(told.get("served")) == (address.protocol is Protocol.SASL_SSL)
        assert look(replace(address, broker=2), login)["reason"] == "broker 1 answers there"
        other = look(address, login, instance="other123")
        assert other["reason"] == "broker 1 of another instance, loopback, answers there"


@contextmanager
def speaking(words: bytes) -> Iterator[int]:
    """Something that says this to whoever comes; the port is given."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(words)

        speaker = threading.Thread(target=answer)
        speaker.start()
        yield int(server.getsockname()[1])
        speaker.join(timeout=10)
        assert not speaker.is_alive()


@contextmanager
def serving(identity: Path) -> Iterator[int]:
    """A port of 127.0.0.1 that says nothing to its one client once TLS is agreed on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(identity)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with context.wrap_socket(connection, server_side=True) as secured:
                secured.recv(1 << 16)

        speaker = threading.Thread(target=answer)
        speaker.start()
        yield int(server.getsockname()[1])
        speaker.join(timeout=10)
        assert not speaker.is_alive()


@contextmanager
def forwarding_to(address: Address) -> Iterator[int]:
    """A port of 127.0.0.1 whose one connection is carried to that address."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def carry() -> None:
            came, _ = server.accept()
            with came, socket.create_connection((address.host, address.port)) as onward:
                back = threading.Thread(target=_copy, args=(onward, came))
                back.start()
                _copy(came, onward)
                back.join(timeout=10)

        carrier = threading.Thread(target=carry)
        carrier.start()
        yield int(server.getsockname()[1])
        carrier.join(timeout=10)
        assert not carrier.is_alive()


def _copy(source: socket.socket, target: socket.socket) -> None:
    try:
        while part := source.recv(1 << 16):
            target.sendall(part)
        target.shutdown(socket.SHUT_WR)
    except OSError:
        pass  # either end has gone
