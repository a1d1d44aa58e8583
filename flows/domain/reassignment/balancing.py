"""Evening out: every broker holds as much as the others, and as little as possible moves.

Three passes. `settle` keeps what may stay where it is and gives the rest to the emptiest brokers;
`level` moves from the fullest to the emptiest directly, which is all that is needed nearly always;
`improve` looks for chains of moves (a gives to b, b gives to c) that direct moves cannot see.

Where the pieces lie are the bases of a matroid for each piece (so many brokers, so many per rack),
so the loads form an M-convex set: when no chain makes two brokers more even, no layout at all is
more even, and when no closed chain saves a copy, none as even needs fewer. A chain with the
fewest links that improves anything can always be carried out (Murota, Discrete Convex Analysis).

Of pieces that could go equally well, one goes of the topic that the giver has most of compared with
the taker: so the brokers share each topic, too, and no topic leaves a broker as a whole.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heapreplace
from itertools import pairwise

from flows.domain.reassignment.layout import Layout, Piece

WORK = 10_000_000
"""How much looking for chains may cost, in looks at a piece: about ten seconds."""
_UNEVEN = 1_000_000_000
"""Evenness comes first: it weighs more than all copies together."""

Link = tuple[int, int]
"""Cost and piece, or two brokers, or an order and a topic."""


@dataclass(frozen=True)
class Rules:
    """`settled` pieces leave home for nobody's evenness; `enough` copies need not be reduced.

    With `apart`, racks hold what they must: only brokers of one rack can be evened out.
    """

    settled: bool = False
    enough: int = 0
    apart: bool = False


def balance(pieces: Sequence[Piece], racks: Sequence[int], rules: Rules) -> Layout:
    """The pieces as even as racks allow, moved as little as possible.

    Optimal when no more than `WORK` had to be looked at; beyond it only nearly so.
    """
    layout = Layout(pieces, racks)
    settle(layout)
    level(layout, rules)
    improve(layout, rules)
    return layout


def settle(layout: Layout) -> None:
    """Every piece lies where it may stay, and else on the emptiest brokers that can take it."""
    for piece, wished in enumerate(layout.pieces):
        for broker in sorted(wished.home):
            layout.put(piece, broker)
    for piece in range(len(layout.pieces)):
        _drop_surplus(layout, piece)
    for piece, wished in enumerate(layout.pieces):
        while len(layout.held[piece]) < wished.count:
            layout.put(piece, _emptiest(layout, piece))


def _drop_surplus(layout: Layout, piece: int) -> None:
    wished = layout.pieces[piece]
    held = layout.held[piece]
    by_load = sorted(held, key=lambda broker: (-layout.loads[broker], broker))
    for broker in by_load:
        in_rack = sum(1 for each in held if layout.racks[each] == layout.racks[broker])
        if in_rack > wished.per_rack:
            layout.take(piece, broker)
    for broker in by_load:
        if len(held) > wished.count and broker in held:
            layout.take(piece, broker)


def _emptiest(layout: Layout, piece: int) -> int:
    held, allowed = layout.held[piece], layout.pieces[piece].allowed
    room = [layout.has_room(piece, rack) for rack in range(len(layout.members))]
    able = (
        broker
        for broker in (range(len(layout.loads)) if allowed is None else sorted(allowed))
        if broker not in held and room[layout.racks[broker]]
    )
    topic, loads = layout.pieces[piece].topic, layout.loads
    return min(able, key=lambda broker: (loads[broker], layout.of_topic[broker][topic], broker))


def level(layout: Layout, rules: Rules) -> None:
    """No direct move that is looked at makes two brokers more even."""
    offers = _Offers(layout, rules)
    for group in _groups(layout, rules):
        while (pair := offers.most_uneven(group)) is not None:
            piece = offers.next_piece(*pair)
            if piece is not None:
                offers.move(piece, *pair)


def _groups(layout: Layout, rules: Rules) -> Sequence[Sequence[int]]:
    """Brokers that can be evened out with each other."""
    return layout.members if rules.apart else [range(len(layout.loads))]


class _Offers:
    """Which pieces a broker could give to another; each pair is looked through once."""

    def __init__(self, layout: Layout, rules: Rules) -> None:
        self._layout = layout
        self._settled = rules.settled
        self._at_home = [self._home_of(broker) for broker in range(len(layout.on))]
        self.arrived: list[dict[int, None]] = [
            {piece: None for piece in on if broker not in layout.pieces[piece].home}
            for broker, on in enumerate(layout.on)
        ]
        self._topics: dict[Link, list[Link]] = {}
        self._looked: dict[tuple[int, int, int], int] = {}
        self._exhausted: set[Link] = set()

    def _home_of(self, broker: int) -> dict[int, list[int]]:
        """Topic -> pieces that have not left the broker."""
        found: defaultdict[int, list[int]] = defaultdict(list)
        for piece in self._layout.on[broker]:
            if broker in self._layout.pieces[piece].home:
                found[self._layout.pieces[piece].topic].append(piece)
        # Each broker begins elsewhere, so that hardly a piece leaves two of them.
        brokers = len(self._layout.on)
        starts = {topic: len(pieces) * broker // brokers for topic, pieces in found.items()}
        return {
            topic: [*pieces[starts[topic] :], *pieces[: starts[topic]]]
            for topic, pieces in found.items()
        }

    def move(self, piece: int, source: int, target: int) -> None:
        """The piece lies on the target instead of the source."""
        self._layout.take(piece, source)
        self._layout.put(piece, target)
        self.arrived[source].pop(piece, None)
        if target not in self._layout.pieces[piece].home:
            self.arrived[target][piece] = None

    def most_uneven(self, group: Sequence[int]) -> Link | None:
        """The fullest and the emptiest of the group that may still have something to give."""
        loads = self._layout.loads
        order = sorted(group, key=loads.__getitem__)
        for source in reversed(order):
            for target in order:
                if loads[source] - loads[target] < 2:
                    break
                if (source, target) not in self._exhausted:
                    return source, target
        return None

    def next_piece(self, source: int, target: int) -> int | None:
        """What has left its home already goes first; None when there is nothing more."""
        for piece in self.arrived[source]:
            if self._layout.may_move(piece, source, target):
                return piece
        if not self._settled:
            topics = self._topics_of(source, target)
            while (topic := self._most_excessive(topics, source, target)) is not None:
                found = self._next_of(topic, source, target)
                if found is not None:
                    return found
                heappop(topics)
        self._exhausted.add((source, target))
        return None

    def _topics_of(self, source: int, target: int) -> list[Link]:
        """Topics of which the source may have something left for the target; a heap."""
        if (source, target) not in self._topics:
            of_topic = self._layout.excess
            found = [(-of_topic(each, source, target), each) for each in self._at_home[source]]
            heapify(found)
            self._topics[source, target] = found
        return self._topics[source, target]

    def _most_excessive(self, topics: list[Link], source: int, target: int) -> int | None:
        # What lies in the heap is as it was; excess hardly ever grows, so only the first counts.
        while topics:
            noted, topic = topics[0]
            present = -self._layout.excess(topic, source, target)
            if present == noted:
                return topic
            heapreplace(topics, (present, topic))
        return None

    def _next_of(self, topic: int, source: int, target: int) -> int | None:
        layout, pieces = self._layout, self._at_home[source][topic]
        for place in range(self._looked.get((source, target, topic), 0), len(pieces)):
            self._looked[source, target, topic] = place + 1
            piece = pieces[place]
            if source in layout.held[piece] and layout.may_move(piece, source, target):
                return piece
        return None


def improve(layout: Layout, rules: Rules) -> None:
    """No chain of moves makes brokers more even, or saves copies, as far as `WORK` reaches."""
    brokers = len(layout.loads)
    per_round = sum(layout.loads) * len(layout.members) + brokers**3 + 1
    for _ in range(WORK // per_round):
        if _is_good(layout, rules):
            return
        links = _links(layout, rules)
        chain = _shortest_improvement(layout.loads, links)
        if chain is None:
            return
        steps = [(links[here][there][1], here, there) for here, there in pairwise(chain)]
        for piece, here, _there in steps:
            layout.take(piece, here)
        for piece, _here, there in steps:
            layout.put(piece, there)


def _is_good(layout: Layout, rules: Rules) -> bool:
    loads = [[layout.loads[broker] for broker in group] for group in _groups(layout, rules)]
    even = all(max(each) - min(each) <= 1 for each in loads)
    return even and layout.moved <= rules.enough


def _links(layout: Layout, rules: Rules) -> list[dict[int, Link]]:
    """For each broker whom it can give something to directly: the cheapest piece."""
    found: list[dict[int, Link]] = [{} for _ in layout.loads]
    most = 0 if rules.settled else 1
    for source, on in enumerate(layout.on):
        links = found[source]
        missing = {
            (rack, cost): set(members)
            for rack, members in enumerate(layout.members)
            for cost in (0, 1)
        }
        for piece in on:
            for target in _targets(layout, piece, source, missing):
                cost = layout.cost(piece, source, target)
                if cost <= most and (target not in links or cost < links[target][0]):
                    links[target] = (cost, piece)
    return found


def _targets(
    layout: Layout, piece: int, source: int, missing: dict[Link, set[int]]
) -> Iterator[int]:
    """Brokers that may take the piece and have no offer as cheap yet."""
    wished, held = layout.pieces[piece], layout.held[piece]
    if wished.allowed is not None:
        yield from (each for each in wished.allowed if layout.may_move(piece, source, each))
        return
    yield from (each for each in wished.home if layout.may_move(piece, source, each))
    away = 1 if source in wished.home else 0
    for rack in range(len(layout.members)):
        wanted = missing[rack, away]
        same = rack == layout.racks[source]
        if wanted and (same or layout.has_room(piece, rack, source)):
            offered = wanted - held - wished.home
            wanted -= offered
            yield from sorted(offered)


Reached = dict[int, "_Chain"]


@dataclass(frozen=True, slots=True)
class _Chain:
    """Brokers one after the other, the last one and the way to it."""

    cost: int
    end: int
    before: _Chain | None = None

    def brokers(self) -> list[int]:
        """From the first to the last."""
        return [*(self.before.brokers() if self.before else ()), self.end]


def _shortest_improvement(
    loads: Sequence[int], links: Sequence[dict[int, Link]]
) -> list[int] | None:
    """The chain of brokers with the fewest links that is worth it; closed ones end at the start."""
    brokers = range(len(loads))
    cheapest: list[dict[int, int]] = [{start: 0} for start in brokers]
    reached: list[Reached] = [{start: _Chain(0, start)} for start in brokers]
    while any(reached):
        reached = [_one_further(reached[start], links, cheapest[start]) for start in brokers]
        worth = [
            (chain.cost + _evenness(loads, start, chain.end), start, chain)
            for start in brokers
            for chain in reached[start].values()
        ]
        best = min(worth, key=lambda each: each[:2], default=None)
        if best is not None and best[0] < 0:
            return best[2].brokers()
    return None


def _one_further(
    reached: Reached, links: Sequence[dict[int, Link]], cheapest: dict[int, int]
) -> Reached:
    """Whom chains with one more link reach at a lower cost than any shorter one."""
    further: Reached = {}
    for here, chain in reached.items():
        for there, (cost, _) in links[here].items():
            total = chain.cost + cost
            if there not in cheapest or total < cheapest[there]:
                cheapest[there] = total
                further[there] = _Chain(total, there, chain)
    return further


def _evenness(loads: Sequence[int], start: int, end: int) -> int:
    """What it is worth that the start has one less and the end one more; negative is better."""
    if start == end:
        return 0
    return _UNEVEN * (loads[end] - loads[start] + 1)
