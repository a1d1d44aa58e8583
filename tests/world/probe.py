"""A probe of the fake world: it sees what the test says."""

from __future__ import annotations

from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance
from flows.domain.probing import Gap, Kind, ProbeEnd, Sight
from tests.world.clock import FakeClock
from tests.world.effects import Effects, Fake, changes


class FakeProbe:
    """Implements `Probe`: each turn of a broker has the next of the gaps."""

    def __init__(self, probes: FakeProbes) -> None:
        self._probes = probes
        self._gaps: list[Gap] = []

    def seen(self) -> Sight:
        """One more gap at each look, as long as there are some."""
        now = self._probes.clock.seconds
        if self._probes.gaps:
            self._gaps.append(Gap(Kind.WRITE, 0, now - self._probes.gaps.pop(0), now))
        return Sight(now, tuple(self._gaps), {0: 0.1})

    def finish(self) -> ProbeEnd:
        """Nothing was lost, unless the test says otherwise."""
        self._probes.running -= 1
        return ProbeEnd(100, 100, self._probes.lost, 0, (), tuple(self._gaps))


class FakeProbes(Fake):
    """Implements `Probes`; `gaps` are the seconds that clients will wait, look by look."""

    def __init__(self, effects: Effects, clock: FakeClock) -> None:
        self.effects = effects
        self.clock = clock
        self.gaps: list[float] = []
        self.lost = 0
        self.running = 0

    @changes
    def start(self, instance: Instance) -> FakeProbe:
        """It is under way."""
        if not instance.brokers:
            raise EffectFailed("there is nobody to probe")
        self.running += 1
        return FakeProbe(self)
