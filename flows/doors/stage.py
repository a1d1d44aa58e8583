"""An operation as people watch it in Prefect: its steps as task runs, its pages as artifacts."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any, Generic, TypeVar
from uuid import UUID

from prefect import task
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    update_progress_artifact,
)
from prefect.cache_policies import NO_CACHE
from prefect.logging import get_run_logger
from prefect.states import Failed

from flows.domain.errors import ServiceError

T = TypeVar("T")


class PrefectStage:
    """Shows an operation within the flow run that calls it.

    A step runs in the caller's own thread, because ansible-runner must have the main one. Nothing
    that a step takes or gives becomes a parameter or a result of Prefect's: both would be stored.
    """

    def __init__(self) -> None:
        self._bar: UUID | None = None

    def step(self, title: str, work: Callable[[], T]) -> T:
        """Does the work as a task run of that title; its error is raised as it is."""
        attempt = _Attempt(work)

        @task(
            name="step",
            task_run_name=lambda: title,
            cache_policy=NO_CACHE,
            persist_result=False,
            retries=0,
        )
        def step() -> Any:
            return attempt.make()

        step(return_state=True)
        return attempt.outcome()

    def at_once(self, here: Callable[[], None], beside: Callable[[], None]) -> None:
        """`beside` runs in a thread that knows the run, so its steps are task runs as well."""
        with ThreadPoolExecutor(max_workers=1) as thread:
            other = thread.submit(copy_context().run, beside)
            try:
                here()
            except BaseException as error:
                if other.exception() is not None:
                    error.add_note(f"meanwhile: {other.exception()}")
                raise
            other.result()

    def publish(self, key: str, markdown: str) -> None:
        """The page is an artifact of the run."""
        create_markdown_artifact(markdown=markdown, key=key)

    def progress(self, percent: float, words: str) -> None:
        """A bar among the artifacts of the run, moved on each time."""
        if self._bar is None:
            made = create_progress_artifact(progress=percent, description=words)
            # Prefect answers with a coroutine where there is an event loop; a step has none.
            assert isinstance(made, UUID)
            self._bar = made
        else:
            update_progress_artifact(self._bar, progress=percent, description=words)

    def say(self, line: str) -> None:
        """The line is in the log of the run."""
        get_run_logger().info(line)


class _Attempt(Generic[T]):
    """One try of a step's work, kept outside of Prefect: its value or its error."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._values: list[T] = []
        self._error: BaseException | None = None

    def make(self) -> Any:
        """None when the work was done; a failed state with the sentence when it says why not."""
        try:
            self._values.append(self._work())
        except ServiceError as error:
            self._error = error
            return Failed(message=str(error))
        except BaseException as error:
            self._error = error
            raise
        return None

    def outcome(self) -> T:
        """The value of the work, or its error, raised."""
        if self._error is not None:
            raise self._error
        return self._values[0]
