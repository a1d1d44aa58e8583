"""Resource quotas (SPEC 1.11, guide 14): what all instances of the service may be together."""

from __future__ import annotations

from dataclasses import dataclass, fields

from flows.domain.errors import Refused
from flows.domain.wish import Wish


@dataclass(frozen=True)
class Amount:
    """Instances, their brokers, and GB of storage over all brokers."""

    instances: int = 0
    brokers: int = 0
    storage_gb: int = 0

    def __add__(self, other: Amount) -> Amount:
        return Amount(
            self.instances + other.instances,
            self.brokers + other.brokers,
            self.storage_gb + other.storage_gb,
        )

    def __sub__(self, other: Amount) -> Amount:
        return Amount(
            self.instances - other.instances,
            self.brokers - other.brokers,
            self.storage_gb - other.storage_gb,
        )


NOTHING = Amount()
DEFAULT_QUOTAS = Amount(instances=100, brokers=1000, storage_gb=1_500_000)
"""What a service may have when its settings say nothing else."""

RESOURCES = tuple(field.name for field in fields(Amount))
_UNITS = {"storage_gb": " GB"}


@dataclass(frozen=True)
class Allowance:
    """What the service may have, what it has, and how much of that one instance is.

    `present` is nothing for an instance that is not in the records yet.
    """

    quotas: Amount = DEFAULT_QUOTAS
    used: Amount = NOTHING
    present: Amount = NOTHING


def amount_of(wish: Wish) -> Amount:
    """What one instance takes."""
    return Amount(1, wish.brokers, wish.brokers * wish.storage_per_broker)


def check_quotas(allowance: Allowance, wish: Wish) -> None:
    """Refuses an instance to become what the wish says, when the service may not have so much.

    Only what grows is looked at: nobody is refused for what there is already.
    """
    asked = amount_of(wish) - allowance.present
    for name in RESOURCES:
        more, used = getattr(asked, name), getattr(allowance.used, name)
        total = getattr(allowance.quotas, name)
        if more > 0 and used + more > total:
            raise _exceeded(name, more, used, total)


def _exceeded(name: str, asked: int, used: int, total: int) -> Refused:
    unit = _UNITS.get(name, "")
    left = max(0, total - used)
    return Refused(
        f"quota_{name}: {used}{unit} of {total}{unit} are used and {asked}{unit} more asked for; "
        f"at most {left}{unit} more are accepted (see `fleet quotas`)"
    )
