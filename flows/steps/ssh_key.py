"""The SSH key of an instance: made once, kept encrypted, handed out as text."""

from __future__ import annotations

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from flows.adapters.secrets.kept import SSH_KEY
from flows.adapters.site import Site


def authorized_key(site: Site) -> str:
    """The public half, as one line for `authorized_keys`; the key is made when there is none."""
    private = site.secrets.keep(site.instance_id, SSH_KEY, new_key)
    key = serialization.load_ssh_private_key(private.encode(), password=None)
    public = key.public_key().public_bytes(
        serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH
    )
    return f"{public.decode()} kafka-fleet {site.instance_id}"


def new_key() -> str:
    """A new Ed25519 private key in OpenSSH's format."""
    return (
        Ed25519PrivateKey.generate()
        .private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.OpenSSH,
            serialization.NoEncryption(),
        )
        .decode()
    )
