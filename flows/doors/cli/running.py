"""`fleet run OPERATION key=value ...`: start the runs, follow them, say how they ended."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import Any

from flows.domain.errors import Refused, refusal
from flows.domain.request import UPLOAD, named_upload
from flows.doors.asker import at_the_terminal, labels
from flows.doors.catalogue import AnyOperation, operation_named
from flows.doors.cli.display import display
from flows.doors.cli.output import print_json, print_markdown
from flows.doors.follow import RunSeen, follow
from flows.doors.prefect_api import PrefectApi, deployment, open_api, pages, ui_link
from flows.doors.secret_blocks import BLOCK, given_secret, leave_secrets, named_block, take_back
from flows.doors.wiring import open_records
from flows.settings import Settings, load_settings

ONE_EACH = ("instance", "confirm")
"""Parameters of which a comma-separated list means one run for each of its parts."""


def run(name: str, pairs: Sequence[str], *, as_json: bool) -> int:
    """The runs have ended and their ends are printed; answers the exit code."""
    settings, operation = load_settings(), operation_named(name)
    requests = one_each(parameters(pairs))
    with open_api(settings) as api:
        ids = [start(api, operation, request) for request in requests]
        try:
            with display(quiet=as_json) as show:
                ended = follow(api, ids, show)
        except KeyboardInterrupt:
            _say_where(settings, ids)
            return 130
        if as_json:
            results = [_result(settings, operation, seen) for seen in ended]
            print_json(results if len(results) > 1 else results[0])
        _print_ends(settings, api, ended, quiet=as_json)
    return worst([seen.exit_code for seen in ended])


def parameters(pairs: Sequence[str]) -> dict[str, str]:
    """`key=value` words as a mapping; Refused for what is no such word, or twice there."""
    found: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise Refused(f'parameter "{key}": key=value is accepted; see `fleet operations`')
        if key in found:
            raise Refused(f"{key}: it is given twice; once is accepted")
        found[key] = value
    return found


def one_each(given: Mapping[str, str]) -> list[dict[str, str]]:
    """One request for each instance named; each takes its own part of a list of confirmations."""
    names = _parts(given.get("instance", ""))
    if len(names) < 2:
        return [dict(given)]
    lists = {key: _parts(given[key]) for key in ONE_EACH if key in given}
    for key, parts in lists.items():
        if len(parts) != len(names):
            raise Refused(
                f'{key} "{given[key]}": it has {len(parts)} parts, but instance names '
                f"{len(names)}; as many are accepted"
            )
    return [{**given, **{key: parts[i] for key, parts in lists.items()}} for i in range(len(names))]


def start(api: PrefectApi, operation: AnyOperation, given: Mapping[str, str]) -> str:
    """The id of a new run of the operation, asked for by who typed the command."""
    target = deployment(api, operation.name, operation.title)
    plain, blocks = _secrets_left(api, operation, given)
    body = {
        "name": operation.run_name(plain),
        "parameters": {"request": plain},
        "labels": labels(at_the_terminal()),
    }
    try:
        return str(api.post(f"/deployments/{target['id']}/create_flow_run", body)["id"])
    except BaseException:
        take_back(api, blocks)
        raise


def worst(codes: Sequence[int]) -> int:
    """Success only when all succeeded; a failure outweighs a refusal."""
    return 1 if 1 in codes else max(codes)


def reference(operation: AnyOperation, field: str, text: str) -> str | None:
    """What goes to the run as it was typed: the name of a block, or of a file among the uploads.

    None for what has to become a block first. A file never does: whatever this machine's user can
    read is not for the product to take.
    """
    block = named_block(text)
    if block is not None or field not in operation.request.upload_fields:
        return block
    if named_upload(text) is None:
        raise refusal(
            field,
            "(not shown)",
            f"accepted are {UPLOAD}NAME of a file in {load_settings().uploads}, and {BLOCK}NAME of "
            "a Secret block with the file in base64",
        )
    return text


def _secrets_left(
    api: PrefectApi, operation: AnyOperation, given: Mapping[str, str]
) -> tuple[dict[str, str], dict[str, str]]:
    """The parameters with references in place of secrets, and the blocks made for them."""
    fields = [key for key in operation.request.secret_fields if given.get(key)]
    found = {key: reference(operation, key, given[key]) for key in fields}
    named = {key: words for key, words in found.items() if words is not None}
    values = {key: given_secret(key, given[key]) for key in fields if key not in named}
    blocks = leave_secrets(api, values)
    return {**given, **named, **blocks}, blocks


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _print_ends(
    settings: Settings, api: PrefectApi, ended: Sequence[RunSeen], *, quiet: bool
) -> None:
    for seen in ended:
        if not quiet:
            _print_plan(api, seen)
        if seen.exit_code:
            print(_why(settings, seen), file=sys.stderr)
        elif not quiet:
            print(seen.message)


def _print_plan(api: PrefectApi, seen: RunSeen) -> None:
    """A run that only shows its plan shows it here as well."""
    published = pages(api, seen.id)
    if "plan" in published and seen.plan_only:
        print_markdown(published["plan"])


def _why(settings: Settings, seen: RunSeen) -> str:
    """A refusal's own sentence; a failure's with the place where its steps and logs are."""
    if seen.exit_code == 2:
        return seen.message
    reason = seen.message or f"the run ended as {seen.state_name}"
    return f"{seen.name}: {reason} ({ui_link(settings, seen.id)})"


def _say_where(settings: Settings, ids: Sequence[str]) -> None:
    for run_id in ids:
        print(f"it goes on without you: {ui_link(settings, run_id)}", file=sys.stderr)


def _result(settings: Settings, operation: AnyOperation, seen: RunSeen) -> dict[str, Any]:
    row = next(
        (row for row in open_records(settings).history(None) if row.caller.run.id == seen.id), None
    )
    return {
        "operation": operation.name,
        "status": row.status.value if row else seen.state_name.lower(),
        "sentence": seen.message,
        "run": ui_link(settings, seen.id),
        "result": dict(row.result) if row else {},
    }
