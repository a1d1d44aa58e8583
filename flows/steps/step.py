"""A step: a plain function of a few lines that shows under a title wherever it is watched."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from flows.adapters.site import Service, Site
from flows.domain.errors import Superseded

P = ParamSpec("P")
T = TypeVar("T")
StepFunction = Callable[Concatenate[Site, P], T]
ServiceStepFunction = Callable[Concatenate[Service, P], T]


def step(title: str) -> Callable[[StepFunction[P, T]], StepFunction[P, T]]:
    """Makes a function a step; `title` may name its arguments (`broker {broker.id}: stop`).

    Before its work each step checks that its operation still holds the instance: one that was
    taken over stops there (Superseded).
    """

    def decorate(work: StepFunction[P, T]) -> StepFunction[P, T]:
        signature = inspect.signature(work)

        @wraps(work)
        def shown(site: Site, /, *args: P.args, **kwargs: P.kwargs) -> T:
            bound = signature.bind(site, *args, **kwargs)
            check_held(site)
            shown_title = title.format(**bound.arguments)
            return site.stage.step(shown_title, lambda: work(site, *args, **kwargs))

        return shown

    return decorate


def service_step(
    title: str,
) -> Callable[[ServiceStepFunction[P, T]], ServiceStepFunction[P, T]]:
    """Makes a function a step of an operation on the service, which holds no instance."""

    def decorate(work: ServiceStepFunction[P, T]) -> ServiceStepFunction[P, T]:
        @wraps(work)
        def shown(service: Service, /, *args: P.args, **kwargs: P.kwargs) -> T:
            return service.stage.step(title, lambda: work(service, *args, **kwargs))

        return shown

    return decorate


def check_held(site: Site) -> None:
    """Superseded when another operation has taken the instance over."""
    if not site.records.holds(site.epoch):
        raise Superseded(
            f"operation {site.epoch} does not hold instance {site.instance_id} any more; "
            "another one took it over and goes on"
        )
