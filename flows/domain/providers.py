"""Where the machines of an instance come from."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from flows.domain.errors import Refused, refusal


class ProviderName(StrEnum):
    """The embedded lab, or hosts of one's own."""

    LAB = "lab"
    HOSTS = "hosts"


_HOW = {
    ProviderName.LAB: "`fleet up` brings the lab up",
    ProviderName.HOSTS: "FLEET_HOSTS names a list of your machines",
}


def no_provider(name: str, available: Sequence[str]) -> Refused:
    """The refusal of a provider that a control plane does not have."""
    accepted = f"accepted here are {', '.join(available)}" if available else "there is none here"
    ways = _HOW.items() if name not in _HOW else [(name, _HOW[ProviderName(name)])]
    return refusal("provider", name, "; ".join([accepted, *(way for _, way in ways)]))
