"""The flows that Prefect runs: one per operation, and the sweep.

A flow is the thinnest of covers: it opens the doors, lets the operation be conducted, and turns
the end into a state whose message is the one sentence that a person reads.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from prefect import flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import FlowRunContext
from prefect.exceptions import FailedRun
from prefect.flows import Flow
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed

from flows.access.overdue import drop_overdue
from flows.adapters.processes import LinuxProcesses
from flows.adapters.stage import Stage
from flows.domain.errors import Refused, ServiceError
from flows.domain.operations import Caller
from flows.doors.asker import Asker, asker_of
from flows.doors.catalogue import OPERATIONS, AnyOperation
from flows.doors.controlplane.backup import back_up_into_directory
from flows.doors.deployments import attribute_of
from flows.doors.form import fields_given
from flows.doors.lost_secrets import forget_lost_secrets
from flows.doors.prefect_api import open_api, ui_link
from flows.doors.stage import PrefectStage
from flows.doors.sweeps import SWEEP, forget_old_sweeps
from flows.doors.wiring import open_doors
from flows.monitoring.check_access import check_access as look_at_ways
from flows.monitoring.check_certificates import check_certificates as look_at_all
from flows.monitoring.check_health import sweep
from flows.procedures.conduct import conduct
from flows.procedures.service import ServiceOperation, serve
from flows.settings import Settings, load_settings

Work = Callable[[Mapping[str, Any], Caller, Stage], str]
"""Does what is asked and answers with one sentence; raises a ServiceError otherwise."""


def operation_flow(operation: AnyOperation, work: Work) -> Flow[..., State[Any]]:
    """The flow of an operation: one object parameter, one sentence at the end."""

    def run(request: Any = None) -> State[Any]:
        return _ended(lambda: work(fields_given(request), this_caller(), PrefectStage()))

    run.__name__ = attribute_of(operation.name)
    run.__doc__ = operation.description
    return flow(
        name=operation.name,
        flow_run_name=lambda: operation.run_name(_named(_parameters().get("request"))),
        # The request class checks the input, so that all doors refuse in the same words.
        validate_parameters=False,
        persist_result=False,
    )(run)


def conducted(operation: AnyOperation) -> Work:
    """The operation on this control plane's own doors."""

    def work(raw: Mapping[str, Any], caller: Caller, stage: Stage) -> str:
        doors = open_doors(load_settings(), stage.say)
        if isinstance(operation, ServiceOperation):
            return serve(operation, doors, raw, caller, stage).sentence
        return conduct(operation, doors, raw, caller, stage).sentence

    return work


def this_caller() -> Caller:
    """Who asked for the flow run that this process carries out."""
    run = _flow_run()
    asker = _asker()
    link = ui_link(load_settings(), str(run.id))
    return Caller(asker.name, asker.door, LinuxProcesses().here(str(run.id), link))


def _asker() -> Asker:
    run = _flow_run()
    return asker_of(run.labels, automatic=run.auto_scheduled)


def _flow_run() -> FlowRun:
    context = FlowRunContext.get()
    if context is None or context.flow_run is None:
        raise RuntimeError("there is no flow run in this process")
    return context.flow_run


@flow(name=SWEEP, flow_run_name="check health", persist_result=False)
def check_health() -> State[Any]:
    """Look at every instance: Running or Faulty, and why."""
    settings = load_settings()
    return _ended(lambda: _swept(settings))


def _swept(settings: Settings) -> str:
    doors, now = open_doors(settings, get_run_logger().info), datetime.now(UTC)
    dropped = drop_overdue(doors, this_caller(), PrefectStage())
    sentence = "; ".join([sweep(doors), *dropped])
    doors.records.forget_traces(now - timedelta(days=settings.audit_days))
    with open_api(settings) as api:
        forget_old_sweeps(api, now)
        lost = forget_lost_secrets(api, doors.records, now)
    return f"{sentence}; {lost} secrets that nobody asks for are gone" if lost else sentence


@flow(name="check-certificates", flow_run_name="check certificates", persist_result=False)
def check_certificates() -> State[Any]:
    """Look at what every broker serves, and when it ends."""
    doors = open_doors(load_settings(), get_run_logger().info)
    return _ended(lambda: look_at_all(doors))


@flow(name="check-access", flow_run_name="check access", persist_result=False)
def check_access() -> State[Any]:
    """Look whether clients come in as it is wished."""
    doors = open_doors(load_settings(), get_run_logger().info)
    return _ended(lambda: look_at_ways(doors))


@flow(name="back-up", flow_run_name="back up", persist_result=False)
def back_up() -> State[Any]:
    """Write records, keys and settings into one encrypted file."""
    return _ended(lambda: _backed_up(load_settings()))


def _backed_up(settings: Settings) -> str:
    done = back_up_into_directory(settings, _asker())
    return f"{done.path}: {done.instances} instances, for the recovery key {done.key}"


def _ended(work: Callable[[], str]) -> State[Any]:
    _hide_login()
    logging.getLogger("prefect.flow_runs").addFilter(_is_news)
    try:
        return Completed(message=work())
    except Refused as refused:
        return Failed(name="Refused", message=str(refused))
    except ServiceError as error:
        _log_unexpected(error.__cause__)
        return Failed(message=str(error))


def _is_news(record: logging.LogRecord) -> bool:
    """Prefect raises the failed state that a flow returns and logs that with a traceback."""
    return not (record.exc_info and isinstance(record.exc_info[1], FailedRun))


def _log_unexpected(cause: BaseException | None) -> None:
    """An error that is none of ours is a defect: whoever mends it needs the place."""
    if cause is not None and not isinstance(cause, ServiceError):
        get_run_logger().error("where it happened:", exc_info=cause)


def _hide_login() -> None:
    """Prefect has read its login by now; no process that an operation starts shall inherit it."""
    os.environ.pop("PREFECT_API_AUTH_STRING", None)


def _named(request: Any) -> Mapping[str, Any]:
    """What a run can be called after; what is wrong with it is refused once it runs."""
    return request if isinstance(request, Mapping) else {}


def _parameters() -> Mapping[str, Any]:
    context = FlowRunContext.get()
    return context.parameters if context and context.parameters else {}


globals().update(
    {
        attribute_of(operation.name): operation_flow(operation, conducted(operation))
        for operation in OPERATIONS
    }
)
