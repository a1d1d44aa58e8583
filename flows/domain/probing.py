"""What a probe sees: gaps between acknowledgements and between messages read, and what they mean.

Times are seconds of the machine's monotonic clock, the same for the probe and for who asks it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

LONG_GAP_SECONDS = 1.0
CALM_SECONDS = 1.2
"""How long clients must have been served without a long gap before the next broker goes: long
enough for one to be seen."""


class Kind(StrEnum):
    """Which client waited: one that writes with acks=all, or one that reads."""

    WRITE = "write"
    READ = "read"


@dataclass(frozen=True)
class Gap:
    """A time in which nothing of one partition was acknowledged, or read."""

    kind: Kind
    partition: int
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        """How long it was."""
        return self.ended - self.began


@dataclass(frozen=True)
class Sight:
    """What the probe has seen until `at`; `silent` is partition -> seconds since its last ack."""

    at: float
    gaps: tuple[Gap, ...] = ()
    silent: Mapping[int, float] = field(default_factory=dict)


@dataclass(frozen=True)
class ProbeEnd:
    """The sum of a probe: `lost` was acknowledged and never read, `duplicated` read twice.

    `errors` names each message that failed for good.
    """

    sent: int = 0
    acknowledged: int = 0
    lost: int = 0
    duplicated: int = 0
    errors: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()


@dataclass(frozen=True)
class Measured:
    """The longest waits of clients while one broker was stopped, started and settled; in seconds.

    `took` is how long all that took, `began` when it began.
    """

    broker: int
    write: float
    read: float
    took: float
    began: float = 0.0


def measured(broker: int, sight: Sight, began: float) -> Measured:
    """What was seen of clients since `began`, when this broker's turn came."""
    waiting = [
        Gap(Kind.WRITE, number, sight.at - s, sight.at) for number, s in sight.silent.items()
    ]
    return Measured(
        broker,
        write=worst([*sight.gaps, *waiting], Kind.WRITE, began),
        read=worst(sight.gaps, Kind.READ, began),
        took=sight.at - began,
        began=began,
    )


def worst(gaps: Iterable[Gap], kind: Kind, since: float) -> float:
    """The longest gap of a kind that ended after a moment; 0 when there was none."""
    return max((gap.seconds for gap in gaps if gap.kind is kind and gap.ended > since), default=0.0)


def not_calm(sight: Sight, since: float) -> str | None:
    """Whether clients have been served without a long gap for a while, and since a moment."""
    silent = [number for number, seconds in sight.silent.items() if seconds > LONG_GAP_SECONDS]
    if silent:
        return f"the probe waits for an acknowledgement of its partition {min(silent)}"
    recent = max(since, sight.at - CALM_SECONDS)
    long = [gap for gap in sight.gaps if gap.seconds > LONG_GAP_SECONDS and gap.ended > recent]
    if long:
        return f"the probe waited {long[-1].seconds:.1f} s for its partition {long[-1].partition}"
    if sight.at - since < CALM_SECONDS:
        return f"the probe has watched for {sight.at - since:.1f} s only"
    return None


def over_budget(found: Measured, budget: float, left: Iterable[int]) -> str | None:
    """Why the roll pauses after a broker, when its clients waited too long and others are left."""
    others = sorted(left)
    if found.write <= budget or not others:
        return None
    names = ", ".join(str(number) for number in others)
    return (
        f"the roll pauses after broker {found.broker}: clients waited {found.write:.1f} s for an "
        f"acknowledgement, more than the stall budget of {budget:g} s; left are brokers {names}; "
        "ask for the same again to go on"
    )


def as_data(found: Iterable[Measured], end: ProbeEnd) -> dict[str, object]:
    """What stays in the history: the worst of each broker, the sums, and every raw gap."""
    return {
        "brokers": {
            str(each.broker): {
                "write_gap": round(each.write, 3),
                "read_gap": round(each.read, 3),
                "seconds": round(each.took, 1),
                "began": round(each.began, 3),
            }
            for each in found
        },
        "sent": end.sent,
        "acknowledged": end.acknowledged,
        "lost": end.lost,
        "duplicated": end.duplicated,
        "errors": list(end.errors),
        "gaps": [
            [str(gap.kind), gap.partition, round(gap.began, 3), round(gap.seconds, 3)]
            for gap in end.gaps
        ],
    }


def as_page(found: Iterable[Measured], end: ProbeEnd) -> str:
    """The same for a person, as Markdown."""
    rows = [
        f"| {each.broker} | {each.write:.2f} | {each.read:.2f} | {each.took:.0f} |"
        for each in found
    ]
    sums = (
        f"{end.sent} messages sent, {end.acknowledged} acknowledged, {end.lost} lost, "
        f"{end.duplicated} duplicated, {len(end.errors)} failed."
    )
    return "\n".join(
        [
            "## What clients felt",
            "",
            "| broker | longest wait for acks=all (s) | longest wait of a reader (s) | took (s) |",
            "|---:|---:|---:|---:|",
            *rows,
            "",
            sums,
            "",
        ]
    )
