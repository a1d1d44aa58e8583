"""How fast replicas are copied, as people say it in a request."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator

from flows.domain.errors import refusal


def _not_negative(throttle: float) -> float:
    if throttle < 0:
        raise refusal("throttle", throttle, "0 (none) or more MB/s is accepted")
    return throttle


Throttle = Annotated[float, AfterValidator(_not_negative)]
"""MB/s for each broker; 0 holds nothing back."""
