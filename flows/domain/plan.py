"""What every plan has: it can be printed, hashed, and be empty."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field


@dataclass(frozen=True)
class PlannedStep:
    """One thing that will be done, in words, to one part of the instance.

    `fingerprint` is what the part will get; it decides the plan's hash, words do not.
    """

    subject: str
    words: str
    fingerprint: str


@dataclass(frozen=True)
class Plan:
    """What still differs from the wish; an empty plan means that nothing is left to do."""

    title: str
    steps: tuple[PlannedStep, ...] = ()
    warnings: tuple[str, ...] = field(default=())

    @property
    def empty(self) -> bool:
        """Whether there is nothing to do."""
        return not self.steps

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits over what each part will get; not over order or times."""
        parts = sorted((step.subject, step.fingerprint) for step in self.steps)
        return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]

    def page(self) -> str:
        """The plan as Markdown for a person."""
        warnings = [f"- {warning}" for warning in self.warnings]
        if self.empty:
            nothing = "Nothing to do: everything is as asked."
            told = ["", *warnings] if warnings else []
            return "\n".join([f"# {self.title}", "", nothing, *told, ""])
        rows = [f"| {step.subject} | {step.words} |" for step in self.steps]
        return "\n".join(
            [
                f"# {self.title}",
                "",
                "| what | will be done |",
                "|---|---|",
                *rows,
                "",
                *([*warnings, ""] if warnings else []),
                f"Plan hash: `{self.digest}`",
                "",
            ]
        )
