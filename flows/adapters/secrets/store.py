"""`Secrets` in the records' database, each value encrypted together with the place it belongs to.

A ciphertext that was moved to another row is refused, so nobody who can write the database but
does not know the key can make one secret pass for another.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from cryptography.fernet import InvalidToken, MultiFernet
from sqlalchemy import ColumnElement, Connection, Engine, and_, delete, insert, select, update

from flows.adapters.records.engine import Collision, reading, writing
from flows.adapters.records.schema import secrets
from flows.adapters.secrets.blocks import SecretBlocks
from flows.adapters.secrets.keyring import Keyring
from flows.domain.errors import EffectFailed, Refused


class FernetSecrets:
    """The encrypted store of one control plane."""

    def __init__(self, engine: Engine, keyring: Path, blocks: SecretBlocks) -> None:
        self._engine = engine
        self._keyring = Keyring(keyring)
        self._blocks = blocks

    def keep(self, instance_id: str, name: str, make: Callable[[], str]) -> str:
        """The secret of that name; made and stored first when there is none.

        Of two processes that make it at the same moment both get the one stored first.
        """
        present = self.get(instance_id, name)
        if present is not None:
            return present
        made = make()
        try:
            with writing(self._engine) as connection:
                self._insert(connection, instance_id, name, made)
        except Collision:
            return self._present(instance_id, name)
        return made

    def get(self, instance_id: str, name: str) -> str | None:
        """The secret, or None; EffectFailed when the keys do not fit it."""
        with reading(self._engine) as connection:
            token = connection.scalar(select(secrets.c.ciphertext).where(_at(instance_id, name)))
        if token is None:
            return None
        return _decrypt(self._keyring, token, instance_id, name)

    def put(self, instance_id: str, name: str, value: str) -> None:
        """The secret has this value, whatever it was."""
        with writing(self._engine) as connection:
            token = _encrypt(self._cipher(connection), value, instance_id, name)
            changed = connection.execute(
                update(secrets).where(_at(instance_id, name)).values(ciphertext=token)
            )
            if not changed.rowcount:
                self._insert(connection, instance_id, name, value)

    def drop(self, instance_id: str, name: str) -> None:
        """There is no secret of that name; none before is as well."""
        with writing(self._engine) as connection:
            connection.execute(delete(secrets).where(_at(instance_id, name)))

    def forget(self, instance_id: str) -> None:
        """No secret of the instance is left."""
        with writing(self._engine) as connection:
            connection.execute(delete(secrets).where(secrets.c.instance_id == instance_id))

    def rotate(self) -> None:
        """Every secret is encrypted with a new key; interrupted anywhere, run it again.

        The key before stays in the file, for a process that encrypts with it at this moment; the
        next rotation drops it.
        """
        self._keyring.add()
        cipher = self._keyring.cipher()
        with writing(self._engine) as connection:
            for row in connection.execute(select(secrets)).all():
                token = _rotate(self._keyring, cipher, row.ciphertext, row.instance_id, row.name)
                connection.execute(
                    update(secrets).where(_at(row.instance_id, row.name)).values(ciphertext=token)
                )
        self._keyring.drop_all_but(newest=2)

    def resolve(self, reference: str) -> str:
        """The value of a Secret block, by name or id; Refused when there is none.

        The sentence does not repeat the reference: it may be a password in the wrong place.
        """
        value = self._blocks.read(reference)
        if value is None:
            raise Refused(
                "secret: there is no Secret block of the name or id that was given (not shown); "
                "accepted is the name or the id of a Prefect Secret block that holds a text"
            )
        return value

    def discard(self, reference: str) -> None:
        """A block that `fleet run` made for this request is gone; others are left alone."""
        if self._blocks.made_by_us(reference):
            self._blocks.delete(reference)

    def _present(self, instance_id: str, name: str) -> str:
        value = self.get(instance_id, name)
        if value is None:
            raise EffectFailed(f"secrets: {name} of {instance_id} was removed while it was made")
        return value

    def _insert(self, connection: Connection, instance_id: str, name: str, value: str) -> None:
        token = _encrypt(self._cipher(connection), value, instance_id, name)
        connection.execute(
            insert(secrets).values(instance_id=instance_id, name=name, ciphertext=token)
        )

    def _cipher(self, connection: Connection) -> MultiFernet:
        if not self._keyring.exists():
            if connection.execute(select(secrets.c.name).limit(1)).first() is not None:
                raise EffectFailed(
                    f"secrets: the master key {self._keyring.path} is missing, and there are "
                    "secrets that only it can read; restore it from a backup"
                )
            self._keyring.create()
        return self._keyring.cipher()


def _at(instance_id: str, name: str) -> ColumnElement[bool]:
    return and_(secrets.c.instance_id == instance_id, secrets.c.name == name)


def _encrypt(cipher: MultiFernet, value: str, instance_id: str, name: str) -> str:
    return cipher.encrypt(json.dumps([instance_id, name, value]).encode()).decode("ascii")


def _decrypt(keyring: Keyring, token: str, instance_id: str, name: str) -> str:
    try:
        place = json.loads(keyring.cipher().decrypt(token.encode()))
    except InvalidToken:
        raise _unreadable(keyring, instance_id, name) from None
    if place[:2] != [instance_id, name]:
        raise EffectFailed(
            f"secrets: what is stored as {name} of {instance_id} belongs to another place"
        )
    return str(place[2])


def _rotate(keyring: Keyring, cipher: MultiFernet, token: str, instance_id: str, name: str) -> str:
    try:
        return cipher.rotate(token.encode()).decode("ascii")
    except InvalidToken:
        raise _unreadable(keyring, instance_id, name) from None


def _unreadable(keyring: Keyring, instance_id: str, name: str) -> EffectFailed:
    return EffectFailed(
        f"secrets: {name} of {instance_id} cannot be read: no key in {keyring.path} fits it, or "
        "it is damaged; restore the key or the records from a backup"
    )
