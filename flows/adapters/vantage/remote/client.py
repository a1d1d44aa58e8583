"""A client that asks one address after the other who is there; it stands alone.

It speaks Kafka itself, since a client's library follows the metadata to other brokers, and says
neither which one answered nor at which step things went wrong. Requests are the oldest that
brokers from 1.0 on know. The broker says its own number in the description of its configuration,
which no other broker gives.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import re
import secrets
import socket
import ssl
import struct
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

SECONDS = 6.0
BROKER_RESOURCE = 4
METADATA, SASL_HANDSHAKE, DESCRIBE_CONFIGS, SASL_AUTHENTICATE = 3, 17, 32, 36
LARGEST = 16 << 20


class Wrong(Exception):
    """What is wrong, as a sentence."""


def look(addresses: list[dict[str, Any]], login: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What answers at each address, all at once; the answers keep their order."""
    found: list[dict[str, Any]] = [{} for _ in addresses]

    def one(place: int) -> None:
        found[place] = _look_at(addresses[place], login)

    threads = [threading.Thread(target=one, args=(place,)) for place in range(len(addresses))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return found


def _look_at(address: Mapping[str, Any], login: Mapping[str, Any]) -> dict[str, Any]:
    """Every meaning of the name is asked; the first wrong one is the answer."""
    told: dict[str, Any] = {"stage": "resolve", "reason": None, "resolved": []}
    try:
        told["resolved"] = _resolve(address["host"], address["port"])
        for meaning in told["resolved"]:
            _talk(address, meaning, login, told)
        told["stage"] = "right"
    except Wrong as wrong:
        told["reason"] = str(wrong)
    except (OSError, struct.error, UnicodeDecodeError) as error:
        told["reason"] = f"{told['stage']} failed: {error or type(error).__name__}"
    return told


def _resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, socket.AF_INET, socket.SOCK_STREAM)
    except OSError as error:
        raise Wrong(f"the name {host} does not resolve here: {error.strerror or error}") from None
    return sorted({str(entry[4][0]) for entry in found})


def _talk(
    address: Mapping[str, Any], meaning: str, login: Mapping[str, Any], told: dict[str, Any]
) -> None:
    told["stage"] = "connect"
    with _connected(meaning, address["port"]) as connection:
        if address["protocol"] == "PLAINTEXT":
            _ask_who(_Kafka(connection), address, told)
            return
        told["stage"] = "tls"
        with _secured(connection, address["host"], login) as secured:
            told["served"], told["whole"] = _served(secured)
            kafka = _Kafka(secured)
            if address["protocol"].startswith("SASL"):
                told["stage"] = "login"
                _log_in(kafka, login)
            _ask_who(kafka, address, told)


def _ask_who(kafka: _Kafka, address: Mapping[str, Any], told: dict[str, Any]) -> None:
    told["stage"] = "metadata"
    told["advertised"] = kafka.brokers()
    told["stage"] = "broker"
    number, instance = kafka.who(address["broker"])
    told["answered_by"], told["instance"] = number, instance
    if instance != address["instance"]:
        raise Wrong(f"broker {number} of another instance, {instance}, answers there")
    if number != address["broker"]:
        raise Wrong(f"broker {number} answers there")


def _connected(host: str, port: int) -> socket.socket:
    try:
        connection = socket.create_connection((host, port), timeout=SECONDS)
    except OSError as error:
        if isinstance(error, socket.timeout):  # no TimeoutError before Python 3.10
            raise Wrong(f"nobody answers at {host}:{port} within {SECONDS:.0f} s") from None
        raise Wrong(f"no connection to {host}:{port}: {error.strerror or error}") from None
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _secured(connection: socket.socket, host: str, login: Mapping[str, Any]) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = login.get("check_names", True)
    context.load_verify_locations(cadata=login["authorities"])
    if login.get("certificate"):
        with _file_of(login["certificate"] + "\n" + login["key"]) as path:
            context.load_cert_chain(path)
    try:
        return context.wrap_socket(connection, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        if "mismatch" in error.verify_message.lower():
            raise Wrong(f"the certificate that is served there is not for {host}") from None
        raise Wrong(
            "the certificate that is served there is of an authority that clients do not trust, "
            f"or not valid now: {error.verify_message}"
        ) from None
    except ssl.SSLError as error:
        raise Wrong(f"what answers there does not speak TLS as it should: {error.reason}") from None


def _served(connection: ssl.SSLSocket) -> tuple[list[str], bool]:
    """The certificates that were sent, as PEM, and whether these are all: Python before 3.10 shows
    the first one only."""
    public = getattr(connection, "get_unverified_chain", None)
    if public is not None:
        return [ssl.DER_cert_to_PEM_cert(each) for each in public()], True
    inner: Any = getattr(connection, "_sslobj", None)
    if hasattr(inner, "get_unverified_chain"):
        return [each.public_bytes() for each in inner.get_unverified_chain()], True
    first = connection.getpeercert(binary_form=True) or b""
    return [ssl.DER_cert_to_PEM_cert(first)], False


@contextmanager
def _file_of(text: str) -> Iterator[str]:
    """A path to the text that lies in memory alone: Python takes a client's key from files only."""
    if hasattr(os, "memfd_create"):
        descriptor = os.memfd_create("certificate")
    else:
        descriptor = os.open("/dev/shm", os.O_TMPFILE | os.O_RDWR, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def _log_in(kafka: _Kafka, login: Mapping[str, Any]) -> None:
    error, mechanisms = kafka.handshake(login["mechanism"])
    if error:
        raise Wrong(f"{login['mechanism']} is not offered, but {', '.join(mechanisms)}")
    if login["mechanism"] == "PLAIN":
        kafka.authenticate(b"\0%b\0%b" % (login["user"].encode(), login["password"].encode()))
    else:
        _scram(kafka, login["user"], login["password"])


def _scram(kafka: _Kafka, user: str, password: str) -> None:
    """SCRAM-SHA-512 (RFC 5802): the broker has to know the password as well."""
    nonce = base64.b64encode(secrets.token_bytes(18)).decode()
    bare = f"n={user.replace('=', '=3D').replace(',', '=2C')},r={nonce}"
    first = kafka.authenticate(f"n,,{bare}".encode()).decode()
    parts = dict(part.split("=", 1) for part in first.split(","))
    if not parts.get("r", "").startswith(nonce):
        raise Wrong("the login was answered with somebody else's nonce")
    salt, rounds = base64.b64decode(parts["s"]), int(parts["i"])
    salted = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds)
    without_proof = f"c=biws,r={parts['r']}"
    message = f"{bare},{first},{without_proof}".encode()
    key = _hmac(salted, b"Client Key")
    signature = _hmac(hashlib.sha512(key).digest(), message)
    proof = (int.from_bytes(key, "big") ^ int.from_bytes(signature, "big")).to_bytes(64, "big")
    final = f"{without_proof},p={base64.b64encode(proof).decode()}"
    told = kafka.authenticate(final.encode()).decode()
    expected = base64.b64encode(_hmac(_hmac(salted, b"Server Key"), message)).decode()
    if told != f"v={expected}":
        raise Wrong("whoever answers there does not know the user's password")


def _hmac(key: bytes, message: bytes) -> bytes:
    return hmac.new(key, message, hashlib.sha512).digest()


class _Kafka:
    """One connection to one broker."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.number = 0

    def brokers(self) -> list[tuple[int, str]]:
        """Broker -> `host:port`, as this broker tells clients of this listener."""
        answer = self._ask(METADATA, 1, struct.pack(">i", 0))
        found: list[tuple[int, str]] = []
        for _ in range(answer.int32()):
            number, host, port = answer.int32(), answer.text(), answer.int32()
            answer.text()  # its rack
            found.append((number, f"{host}:{port}"))
        return sorted(found)

    def who(self, expected: int) -> tuple[int, str]:
        """The broker at the other end, and the instance that it belongs to."""
        number, told = expected, self._describe(expected)
        if isinstance(told, str):
            named = re.search(r"expected (\d+)", told)
            if named is None:
                raise Wrong(f"the broker does not say which one it is: {told}")
            number = int(named.group(1))
            told = self._describe(number)
        if isinstance(told, str):
            raise Wrong(f"the broker does not say whose it is: {told}")
        return number, told.get("zookeeper.connect", "").rpartition("/")[2]

    def handshake(self, mechanism: str) -> tuple[int, list[str]]:
        """An error code, 0 for none, and what the broker offers."""
        answer = self._ask(SASL_HANDSHAKE, 1, _text(mechanism))
        code = answer.int16()
        return code, [answer.text() for _ in range(answer.int32())]

    def authenticate(self, token: bytes) -> bytes:
        """What the broker says to a step of a login; Wrong when it does not let us in."""
        answer = self._ask(SASL_AUTHENTICATE, 0, struct.pack(">i", len(token)) + token)
        code, words = answer.int16(), answer.text()
        if code:
            raise Wrong(f"the login is refused: {words or code}")
        return answer.raw(answer.int32())

    def _describe(self, broker: int) -> dict[str, str] | str:
        """Some of the broker's configuration, or the words with which it refuses."""
        keys = [_text("broker.id"), _text("zookeeper.connect")]
        resource = struct.pack(">b", BROKER_RESOURCE) + _text(str(broker))
        body = struct.pack(">i", 1) + resource + struct.pack(">i", len(keys)) + b"".join(keys)
        answer = self._ask(DESCRIBE_CONFIGS, 0, body)
        answer.int32()  # throttle time
        answer.int32()  # one resource
        code, words = answer.int16(), answer.text()
        answer.int8()
        answer.text()
        if code:
            return words or f"error {code}"
        values: dict[str, str] = {}
        for _ in range(answer.int32()):
            key, value = answer.text(), answer.text()
            answer.raw(3)  # whether it is read-only, a default, sensitive
            values[key] = value
        return values

    def _ask(self, key: int, version: int, body: bytes) -> _Answer:
        self.number += 1
        header = struct.pack(">hhi", key, version, self.number) + _text("kafka-fleet-vantage")
        message = header + body
        self.connection.sendall(struct.pack(">i", len(message)) + message)
        size = int.from_bytes(self._read(4), "big", signed=True)
        if not 4 <= size <= LARGEST:
            raise Wrong("what answers there is not Kafka")
        answer = _Answer(self._read(size))
        if answer.int32() != self.number:
            raise Wrong("what answers there is not Kafka")
        return answer

    def _read(self, size: int) -> bytes:
        found = b""
        while len(found) < size:
            part = self.connection.recv(size - len(found))
            if not part:
                raise Wrong("the connection was closed without an answer")
            found += part
        return found


class _Answer:
    """The bytes of an answer, read from left to right."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def raw(self, size: int) -> bytes:
        """The next bytes."""
        found, self.content = self.content[:size], self.content[size:]
        return found

    def int8(self) -> int:
        """A signed byte."""
        return int.from_bytes(self.raw(1), "big", signed=True)

    def int16(self) -> int:
        """Two bytes."""
        return int.from_bytes(self.raw(2), "big", signed=True)

    def int32(self) -> int:
        """Four bytes."""
        return int.from_bytes(self.raw(4), "big", signed=True)

    def text(self) -> str:
        """A text; nothing is an empty one."""
        size = self.int16()
        return "" if size < 0 else self.raw(size).decode()


def _text(value: str) -> bytes:
    encoded = value.encode()
    return struct.pack(">h", len(encoded)) + encoded
