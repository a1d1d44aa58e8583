"""References to secrets: a door leaves a secret in a block, and the block goes when it was used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from flows.adapters.secrets.blocks import RUN_BLOCK_PREFIX
from flows.adapters.site import Secrets, Site
from flows.domain.errors import Refused
from flows.domain.request import Request, read_secret_reference

NOT_SHOWN = "(not shown)"


def discard_references(secrets: Secrets, request: type[Request], raw: Mapping[str, Any]) -> None:
    """The blocks that a door made for this request alone are gone; other people's stay."""
    for reference in _references(request, raw):
        secrets.discard(reference)


def discard_all_references(site: Site, name: str) -> None:
    """The blocks of every request for the instance of this name are gone.

    Those of runs that were killed too, even before their instance stood in the records.
    """
    for row in site.records.history(name):
        for value in row.request.values():
            if isinstance(value, str) and value.startswith(RUN_BLOCK_PREFIX):
                site.secrets.discard(value)


def without_secrets(request: type[Request], raw: Mapping[str, Any]) -> dict[str, Any]:
    """What may be remembered of a request that was turned away.

    Its references are of no use any more, and what stands in their place, or in a field that
    there is not, may be a secret in the wrong place.
    """
    shown = set(request.model_fields) - set(request.secret_fields)
    return {name: value if name in shown or not value else NOT_SHOWN for name, value in raw.items()}


def _references(request: type[Request], raw: Mapping[str, Any]) -> Iterator[str]:
    for name in request.secret_fields:
        try:
            reference = read_secret_reference(raw.get(name))
        except Refused:
            continue  # what is no reference names no block
        if isinstance(reference, str) and reference:
            yield reference
