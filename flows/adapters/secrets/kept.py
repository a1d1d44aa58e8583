"""How keys and certificates lie in the secret store: their names and their texts."""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from datetime import datetime
from typing import Literal

from certs.authority import Authority, Kind
from certs.leaf import Leaf
from flows.adapters.site import Secrets
from flows.domain.certificates import Certificates
from flows.domain.errors import EffectFailed
from flows.domain.host_secrets import Store
from flows.domain.instance import Instance
from flows.domain.uploaded import UploadedCertificates
from flows.domain.wish import User, Wish

SSH_KEY = "ssh-key"
CONTROL_LEAF = "control-certificate"
FIRST_USER_PASSWORD = "first-user-password"
GIVEN_PASSWORD = "password"
"""A password that came with a request, as long as the request is not finished."""
PROBE_PASSWORD = "probe-password"
ZOOKEEPER_PASSWORD = "zookeeper-kafka"


def authority_name(kind: Kind, generation: int = 1) -> str:
    """The name under which an authority is kept."""
    return f"{kind}-authority-{generation}"


def control_leaf_name(wish: Wish) -> str:
    """The name under which the product's present certificate is kept."""
    numbers = wish.internal
    first = numbers.leaf == 1
    return CONTROL_LEAF if first else f"{CONTROL_LEAF}.{numbers.authority}.{numbers.leaf}"


def probe_leaf_name(wish: Wish) -> str:
    """The name under which the certificate of the probe, by the present authority, is kept."""
    return f"probe-certificate-{wish.client_facing.authority}"


def upload_name(generation: int) -> str:
    """The name of a user's own certificate; its authority has the number `generation`."""
    return f"clients-upload-{generation}"


def certificates(wish: Wish, kind: Kind) -> Certificates:
    """The numbers of one side's certificates."""
    return wish.internal if kind == "internal" else wish.client_facing


def trusted_authorities(secrets: Secrets, instance: Instance, kind: Kind) -> tuple[bytes, ...]:
    """The certificates (PEM) of all authorities that may be trusted now, the oldest first."""
    found = certificates(instance.wish, kind)
    return tuple(
        pem for number in found.trusted for pem in authority_pems(secrets, instance, kind, number)
    )


def kept_authorities(secrets: Secrets, instance: Instance, kind: Kind) -> tuple[bytes, ...]:
    """Those of them that are kept: what was taken back is forgotten at some time."""
    found = certificates(instance.wish, kind)
    return tuple(
        pem
        for number in found.trusted
        if secrets.get(instance.id, authority_place(found, kind, number)) is not None
        for pem in authority_pems(secrets, instance, kind, number)
    )


def authority_place(numbers: Certificates, kind: Kind, number: int) -> str:
    """The name under which what is known of an authority is kept, ours or a user's."""
    return upload_name(number) if number in numbers.uploaded else authority_name(kind, number)


def authority_pems(
    secrets: Secrets, instance: Instance, kind: Kind, number: int
) -> tuple[bytes, ...]:
    """The certificates (PEM) that make up the authority of that number; a user's may be several."""
    if number in certificates(instance.wish, kind).uploaded:
        return read_upload(kept(secrets, instance, upload_name(number))).trusted
    text = kept(secrets, instance, authority_name(kind, number))
    return (read_authority(text).certificate_pem,)


UserSecret = Literal["password", "scram", "plain"]


def user_secret(kind: UserSecret, wish: Wish, user: User) -> str:
    """The name of a user's present password, or of what was made of it for SCRAM or PLAIN.

    Each password that a user was ever given has names of its own; no user's name has a dot.
    """
    if user.name == wish.first_user and user.password == 1:
        first = {"password": FIRST_USER_PASSWORD, "plain": "plain-first-user"}
        return first.get(kind, f"{kind}-{user.name}")
    return f"{kind}.{user.name}.{user.password}"


def kept(secrets: Secrets, instance: Instance, name: str) -> str:
    """A secret that must be there; EffectFailed when it was never made."""
    found = secrets.get(instance.id, name)
    if found is None:
        raise EffectFailed(f"instance {instance.name}: its secret {name} has not been made yet")
    return found


def write_authority(authority: Authority) -> str:
    """An authority as text."""
    return _write_pair(authority.certificate_pem, authority.key_pem)


def read_authority(text: str) -> Authority:
    """An authority from its text."""
    return Authority(*_read_pair(text))


def write_leaf(leaf: Leaf) -> str:
    """A certificate with its key, and what is sent after it, as text."""
    pair = json.loads(_write_pair(leaf.certificate_pem, leaf.key_pem))
    return json.dumps({**pair, "chain": [each.decode() for each in leaf.chain]})


def read_leaf(text: str) -> Leaf:
    """A certificate with its key from its text."""
    chain = json.loads(text).get("chain", ())
    return Leaf(*_read_pair(text), chain=tuple(each.encode() for each in chain))


def write_upload(upload: UploadedCertificates) -> str:
    """A user's own certificate as text."""
    return json.dumps(
        {
            "key": upload.key.decode(),
            "chain": [each.decode() for each in upload.chain],
            "trusted": [each.decode() for each in upload.trusted],
        }
    )


def read_upload(text: str) -> UploadedCertificates:
    """A user's own certificate from its text."""
    found = json.loads(text)
    return UploadedCertificates(
        key=found["key"].encode(),
        chain=tuple(each.encode() for each in found["chain"]),
        trusted=tuple(each.encode() for each in found["trusted"]),
    )


def write_store(store: Store, expires: datetime) -> str:
    """A PKCS#12 store with its password, and the end of its certificate, as text."""
    content = b64encode(store.content).decode()
    return json.dumps(
        {
            "file_name": store.file_name,
            "content": content,
            "password": store.password,
            "expires": expires.isoformat(),
        }
    )


def read_store_end(text: str) -> datetime:
    """When the certificate of a store expires; the store need not be opened for it."""
    return datetime.fromisoformat(json.loads(text)["expires"])


def read_store(text: str) -> Store:
    """A PKCS#12 store from its text."""
    found = json.loads(text)
    return Store(found["file_name"], b64decode(found["content"]), found["password"])


def _write_pair(certificate: bytes, key: bytes) -> str:
    return json.dumps({"certificate": certificate.decode(), "key": key.decode()})


def _read_pair(text: str) -> tuple[bytes, bytes]:
    pair = json.loads(text)
    return pair["certificate"].encode(), pair["key"].encode()
