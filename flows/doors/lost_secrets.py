"""Secret blocks that `fleet run` left for a request which nobody will read any more.

An operation deletes the blocks of its request. A run that was killed before it held anything, or
a command that was killed before there was a run, leaves one behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from flows.adapters.secrets.blocks import RUN_BLOCK_PREFIX
from flows.adapters.site import Records
from flows.domain.operations import OperationStatus
from flows.doors.prefect_api import Json, PrefectApi

KEPT = timedelta(hours=1)
"""A command leaves its block before its run exists; and who is quick may retry the run."""

_TO_COME = ("SCHEDULED", "PENDING", "RUNNING", "CANCELLING", "PAUSED")
_MAY_GO_ON = (OperationStatus.FAILED, OperationStatus.INTERRUPTED)


def forget_lost_secrets(api: PrefectApi, records: Records, now: datetime) -> int:
    """Blocks of an hour ago that no run to come and no unfinished operation names are gone.

    Answers how many. Blocks that people made themselves are never touched.
    """
    old = [block for block in _blocks_of_runs(api) if _made(block) < now - KEPT]
    if not old:
        return 0
    needed = {*_named_by_runs(api), *_named_by_operations(records)}
    lost = [block for block in old if block["name"] not in needed]
    for block in lost:
        api.delete(f"/block_documents/{block['id']}")
    return len(lost)


def _blocks_of_runs(api: PrefectApi) -> list[Json]:
    ours = {"name": {"like_": f"{RUN_BLOCK_PREFIX}%"}}
    found = api.post("/block_documents/filter", {"block_documents": ours})
    return [block for block in found if str(block["name"]).startswith(RUN_BLOCK_PREFIX)]


def _made(block: Json) -> datetime:
    return datetime.fromisoformat(block["created"])


def _named_by_runs(api: PrefectApi) -> Iterator[str]:
    states = {"flow_runs": {"state": {"type": {"any_": list(_TO_COME)}}}}
    for run in api.post("/flow_runs/filter", states):
        request = (run["parameters"] or {}).get("request")
        yield from _references(request.values() if isinstance(request, Mapping) else ())


def _named_by_operations(records: Records) -> Iterator[str]:
    """By those that run, and by those that a living instance still has to finish."""
    living = {row.id for row in records.living()}
    for line in records.history(None):
        left = line.status in _MAY_GO_ON and line.held and line.instance_id in living
        if left or line.status is OperationStatus.RUNNING:
            yield from _references(line.request.values())


def _references(values: Iterable[Any]) -> Iterator[str]:
    return (text for text in values if isinstance(text, str) and text.startswith(RUN_BLOCK_PREFIX))
