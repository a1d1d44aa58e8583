"""`fleet quotas`: what of the service's limits is used (SPEC 1.11)."""

from __future__ import annotations

from typing import TypedDict

from flows.adapters.site import Records
from flows.domain.quotas import RESOURCES

_TITLES = {"instances": "instances", "brokers": "brokers", "storage_gb": "storage (GB)"}


class QuotaLine(TypedDict):
    """One limit of the service; `resource` is `instances`, `brokers` or `storage_gb`."""

    resource: str
    title: str
    used: int
    total: int
    free: int
    setting: str


def quotas(records: Records) -> tuple[QuotaLine, ...]:
    """Used and total of every resource; all instances that are not deleted count."""
    allowance = records.allowance("")
    return tuple(
        _line(name, getattr(allowance.used, name), getattr(allowance.quotas, name))
        for name in RESOURCES
    )


def _line(name: str, used: int, total: int) -> QuotaLine:
    free = max(0, total - used)
    return QuotaLine(
        resource=name, title=_TITLES[name], used=used, total=total, free=free,
        setting=f"quota_{name}",
    )  # fmt: skip
