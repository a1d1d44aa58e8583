"""Follows a play by its events: a line for each task and host, a sentence for what went wrong."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from flows.adapters.site import Play

_OUTCOMES = {
    "runner_on_ok": "ok",
    "runner_on_skipped": "skipped",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "unreachable",
}
_SHORTEST_SECRET = 6


@dataclass(frozen=True)
class Failure:
    """One task that failed on one machine."""

    host: str
    task: str
    message: str


@dataclass
class Watcher:
    """Takes the events of one play; `changed` is machine name -> number of changed tasks."""

    play: Play
    say: Callable[[str], None]
    changed: dict[str, int] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    _last_words: str = ""

    def __post_init__(self) -> None:
        """Collects what must never be said."""
        texts = {text for text in _texts(self.play.secrets) if len(text) >= _SHORTEST_SECRET}
        self._hidden = sorted(texts, key=len, reverse=True)

    def take(self, event: Mapping[str, Any]) -> bool:
        """Notes one event; False, so that the runner keeps nothing of it."""
        kind, data = event["event"], event.get("event_data", {})
        if kind in _OUTCOMES:
            self._take_outcome(_OUTCOMES[kind], data)
        elif kind == "playbook_on_stats":
            self.changed.update(data["changed"])
        elif kind in ("error", "verbose", "warning") and event.get("stdout", "").strip():
            self._last_words = self._shown(event["stdout"])
        return False

    def complaint(self) -> str:
        """Why the play failed, in one sentence."""
        if not self.failures:
            return f"{self.play.playbook}: {self._last_words or 'ansible-playbook gave no reason'}"
        first = self.failures[0]
        others = sorted({failure.host for failure in self.failures[1:]} - {first.host})
        also = f" (failed on {', '.join(others)} as well)" if others else ""
        return (
            f"{self.play.playbook}: task '{first.task}' failed on {first.host}: "
            f"{first.message}{also}"
        )

    def _take_outcome(self, outcome: str, data: Mapping[str, Any]) -> None:
        result, host, task = data.get("res", {}), data["host"], data.get("task", "")
        message = self._message(result) if outcome in ("failed", "unreachable") else ""
        if message and not data.get("ignore_errors"):
            self.failures.append(Failure(host, task, message))
        if outcome == "ok" and result.get("changed"):
            outcome = "changed"
        elif outcome == "ok" and "censored" in result:
            outcome = "done (its output is hidden)"
        self.say(f"{host}: {task}: {outcome}{message and ': ' + message}")
        for path in _differing(result):
            self.say(f"{host}: {path} differs")

    def _message(self, result: Mapping[str, Any]) -> str:
        if "censored" in result:
            return "its output is hidden because it touches secrets"
        return self._shown(str(result.get("msg") or result.get("stderr") or "no reason was given"))

    def _shown(self, text: str) -> str:
        """The text on one line, without any secret of the play."""
        for secret in self._hidden:
            text = text.replace(secret, "(hidden)")
        return " ".join(text.split())


def _texts(value: Any) -> Iterator[str]:
    """The secrets in a value; of a file its content alone, for its path may be said."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        parts = [value["content"]] if "content" in value else value.values()
        for part in parts:
            yield from _texts(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _texts(part)


def _differing(result: Mapping[str, Any]) -> list[str]:
    """Paths whose content a preview would change."""
    found = result.get("diff")
    listed = found if isinstance(found, list) else []
    return [difference["after_header"] for difference in listed if "after_header" in difference]
