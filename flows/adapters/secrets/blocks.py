"""Secret blocks of the control plane's Prefect server: how a secret comes in from outside.

Prefect is imported when a block is asked for, and not before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol, TypeVar
from uuid import UUID

from flows.domain.errors import EffectFailed

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import BlockDocument

T = TypeVar("T")

RUN_BLOCK_PREFIX = "fleet-run-"
"""Blocks that `fleet run` makes for one request, and the product deletes after it."""

_BLOCK_NAME = re.compile(r"[a-z0-9][a-z0-9-]*\Z")
_SECRET = "secret"


class SecretBlocks(Protocol):
    """Secrets that people or `fleet run` left on the Prefect server; by name or id."""

    def read(self, reference: str) -> str | None:
        """The text of the block, or None when there is no such Secret block with a text."""
        ...

    def delete(self, reference: str) -> None:
        """There is no such block."""
        ...

    def made_by_us(self, reference: str) -> bool:
        """Whether `fleet run` made the block."""
        ...


class PrefectBlocks:
    """The blocks of the server that Prefect's settings name; EffectFailed when it is silent."""

    def read(self, reference: str) -> str | None:
        """The text of the Secret block, or None."""
        found = _ask(lambda client: _find(client, reference))
        value = found.data.get("value") if found else None
        return value if isinstance(value, str) else None

    def delete(self, reference: str) -> None:
        """There is no such block; none before is as well."""
        _ask(lambda client: _delete(client, reference))

    def made_by_us(self, reference: str) -> bool:
        """Whether the block's name is one that `fleet run` gives."""
        found = _ask(lambda client: _find(client, reference))
        return found is not None and (found.name or "").startswith(RUN_BLOCK_PREFIX)


def _find(client: SyncPrefectClient, reference: str) -> BlockDocument | None:
    """The Secret block; what cannot be a reference is never sent: it may be a password."""
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415

    id = _as_id(reference)
    if id is None and not _BLOCK_NAME.match(reference):
        return None
    try:
        found = (
            client.read_block_document(id)
            if id
            else client.read_block_document_by_name(reference, _SECRET)
        )
    except ObjectNotFound:
        return None
    return found if found.block_type and found.block_type.slug == _SECRET else None


def _delete(client: SyncPrefectClient, reference: str) -> None:
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415

    found = _find(client, reference)
    if found is None:
        return
    try:
        client.delete_block_document(found.id)
    except ObjectNotFound:
        return


def _ask(question: Callable[[SyncPrefectClient], T]) -> T:
    from httpx import HTTPError  # noqa: PLC0415
    from prefect.client.orchestration import get_client  # noqa: PLC0415

    try:
        with get_client(sync_client=True) as client:
            return question(client)
    except HTTPError as error:
        # Not its text: that has the address, with the reference in it.
        raise EffectFailed(
            f"secrets: Prefect's server did not answer for a Secret block ({type(error).__name__})"
        ) from None


def _as_id(reference: str) -> UUID | None:
    try:
        return UUID(reference)
    except ValueError:
        return None
