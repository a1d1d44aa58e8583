"""Worlds to begin with, and a stage on which something happens in between."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import pytest

from flows.adapters.site import InstanceRow
from flows.adapters.stage import PlainStage
from flows.domain.errors import EffectFailed, Refused
from flows.domain.operations import Caller, Door
from flows.instances.create_instance import create_instance
from flows.procedures.operation import Operation
from tests.world.effects import Killed
from tests.world.machines import FakeProvider
from tests.world.world import World

P = ParamSpec("P")
T = TypeVar("T")
K = TypeVar("K", bound=FakeProvider)

DEMO: Mapping[str, Any] = {
    "name": "demo",
    "sasl_ssl": True,
    "sasl_plain": True,
    "first_user": "alice",
}
PLAIN: Mapping[str, Any] = {"name": "demo"}
GOODBYE: Mapping[str, Any] = {"instance": "demo", "confirm": "demo"}
BLOCK = "fleet-run-7"
"""The name of a block that `fleet run` made."""


def scene(make: Callable[P, World]) -> Callable[P, World]:
    """The world is made once for each set of arguments; who asks for it has a copy.

    Thousands of tests begin with the same few worlds, and a copy costs a tenth of a creation.
    """
    made: dict[str, World] = {}

    @wraps(make)
    def copied(*args: P.args, **kwargs: P.kwargs) -> World:
        key = repr((args, sorted(kwargs.items())))
        if key not in made:
            made[key] = make(*args, **kwargs)
        return deepcopy(made[key])

    return copied


@scene
def created(wish: Mapping[str, Any] = PLAIN) -> World:
    """A world with a running instance; its log of effects is empty."""
    world = World()
    world.ask(create_instance, wish)
    world.effects.log.clear()
    return world


def the_row(world: World) -> InstanceRow:
    """The only living instance."""
    (row,) = world.records.living()
    return row


def effects_of(world: World, operation: Operation[Any, Any], wish: Mapping[str, Any]) -> int:
    """How many effects an undisturbed run has."""
    world.effects.log.clear()
    world.ask(operation, wish)
    return len(world.effects.log)


def cut_off(world: World, operation: Operation[Any, Any], wish: Mapping[str, Any]) -> None:
    """A run ends badly; then the trouble is over."""
    with pytest.raises((EffectFailed, Killed)):
        world.ask(operation, wish)
    world.effects.heal()


def refused(world: World, operation: Operation[Any, Any], wish: Mapping[str, Any]) -> str:
    """The sentence with which the wish is refused."""
    with pytest.raises(Refused) as caught:
        world.ask(operation, wish)
    return str(caught.value)


def replace_provider(world: World, kind: type[K]) -> K:
    """Another provider of the same machines."""
    provider = kind(world.effects)
    provider.hosts = world.provider.hosts
    world.provider = provider
    return provider


def living_caller(world: World, who: str = "grace") -> Caller:
    """Somebody whose run goes on."""
    return Caller(who, Door.UI, world.processes.here("living", "http://ui/runs/living"))


class Clinging(FakeProvider):
    """Machines that cannot be removed, until somebody repairs it."""

    clings = True

    def remove(self, names: Sequence[str]) -> None:
        """Not as long as it clings."""
        if self.clings:
            raise EffectFailed("lab: the disk is busy")
        super().remove(names)


class Interlude(PlainStage):
    """Before the step of a title something else happens in the world, once."""

    def __init__(self, title: str, happens: Callable[[], object]) -> None:
        super().__init__()
        self._title = title
        self._happens: Callable[[], object] | None = happens

    def step(self, title: str, work: Callable[[], T]) -> T:
        """Does what happens, then the work."""
        if title == self._title and self._happens:
            happens, self._happens = self._happens, None
            happens()
        return super().step(title, work)
