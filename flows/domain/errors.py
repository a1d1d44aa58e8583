"""The one tree of errors; a message is one sentence that a person can act on.

* ServiceError
  + Refused       nothing was changed
  + GateTimeout   a condition did not come true in time; safe to run again
  + EffectFailed  an effect on the world failed; safe to run again
  + Superseded    another operation took over; this one must stop at once
"""

from __future__ import annotations


class ServiceError(Exception):
    """Anything the product says to a person."""


class Refused(ServiceError):
    """The request was turned down before the first change."""


class GateTimeout(ServiceError):
    """A wait reached its limit; the sentence says what did not happen."""


class EffectFailed(ServiceError):
    """A host, Kafka, ZooKeeper, Ansible or the provider did not do what it was asked."""


class Superseded(ServiceError):
    """The operation does not hold the instance any more."""


def refusal(field: str, value: object, rule: str) -> Refused:
    """A refusal in the one form that all have: field, value, and what is accepted."""
    return Refused(f"{field} {_shown(value)}: {rule}")


def _shown(value: object) -> str:
    return f'"{value}"' if isinstance(value, str) else str(value)
