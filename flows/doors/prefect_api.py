"""The few calls of Prefect's REST API that doors need, without Prefect's own client.

Importing that client costs a second; this costs what httpx costs. All errors are ServiceErrors.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from flows.domain.errors import EffectFailed
from flows.doors.controlplane.home import login
from flows.settings import Settings

Json = dict[str, Any]

BUSY_SECONDS = 180
"""SQLite answers 503 while another writer holds it; that passes. One answer can take 60 s."""

ANSWER_SECONDS = 120.0
"""Prefect's server waits up to 60 s for SQLite's lock before it answers at all; on a machine whose
cores others use that was seen when it had just started, with four writers of its own at once."""


class Unreachable(EffectFailed):
    """Nothing answers at the address of the API."""


class PrefectApi:
    """An open connection to the API; used as a context manager."""

    def __init__(self, url: str, auth: str, timeout: float = ANSWER_SECONDS) -> None:
        user, _, password = auth.partition(":")
        self._url = url
        self._client_id = str(uuid.uuid4())
        self._token = ""
        self._http = httpx.Client(
            base_url=url, auth=(user, password), timeout=timeout, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._http.close()

    def healthy(self) -> bool:
        """Whether the server answers that it is well."""
        try:
            return self._http.get("/health").status_code == httpx.codes.OK
        except httpx.TransportError:
            return False

    def get(self, path: str) -> Any:
        """What lies there; EffectFailed when nothing does."""
        return self._checked("GET", path, None)

    def find(self, path: str) -> Any | None:
        """What lies there, or None."""
        response = self._send("GET", path, None)
        return None if response.status_code == httpx.codes.NOT_FOUND else _content(response)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """The answer to the question or wish in the body."""
        return self._checked("POST", path, body)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """The thing at the path has these values."""
        return self._checked("PATCH", path, body)

    def put(self, path: str, body: Mapping[str, Any]) -> Any:
        """The thing at the path is this."""
        return self._checked("PUT", path, body)

    def delete(self, path: str) -> None:
        """The thing at the path is gone."""
        response = self._send("DELETE", path, None)
        if response.status_code != httpx.codes.NOT_FOUND:
            _content(response)

    def _checked(self, method: str, path: str, body: Mapping[str, Any] | None) -> Any:
        return _content(self._send(method, path, body))

    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        limit = time.monotonic() + BUSY_SECONDS
        pause = 0.2
        while True:
            response = self._once(method, path, body)
            if not _busy(response) or time.monotonic() + pause > limit:
                return response
            time.sleep(pause)
            pause *= 2

    def _once(self, method: str, path: str, body: Mapping[str, Any] | None) -> httpx.Response:
        try:
            headers = {} if method == "GET" else self._csrf()
            return self._http.request(method, path, json=body, headers=headers)
        except httpx.TransportError as error:
            raise Unreachable(
                f"the control plane does not answer at {self._url} ({error}); "
                "`fleet status` says how it is, `fleet up` starts it"
            ) from None

    def _csrf(self) -> dict[str, str]:
        """Prefect's protection against requests from foreign pages; a token lives an hour."""
        if not self._token:
            response = self._http.get("/csrf-token", params={"client": self._client_id})
            self._token = _content(response)["token"]
        return {"Prefect-Csrf-Token": self._token, "Prefect-Csrf-Client": self._client_id}


def open_api(settings: Settings) -> PrefectApi:
    """A connection to this home's own API, with its login."""
    if not (settings.secrets / "prefect-login").exists():
        raise Unreachable(
            f"there is no control plane in {settings.home}; `fleet up` makes and starts it"
        )
    return PrefectApi(settings.prefect_api, login(settings))


def ui_link(settings: Settings, flow_run_id: str) -> str:
    """Where a person sees a run."""
    return f"{ui_address(settings)}/v2/runs/flow-run/{flow_run_id}"


def ui_address(settings: Settings) -> str:
    """Where a person finds the UI."""
    return settings.prefect_api.removesuffix("/api")


def deployment(api: PrefectApi, flow: str, name: str) -> Json:
    """The deployment of that flow and name; EffectFailed when it is not registered."""
    found = api.find(f"/deployments/name/{quote(flow)}/{quote(name)}")
    if found is None:
        raise EffectFailed(f"{flow}: it is not registered with the control plane; run `fleet up`")
    return dict(found)


def flow_run(api: PrefectApi, run_id: str) -> Json:
    """One flow run as it stands."""
    return dict(api.get(f"/flow_runs/{run_id}"))


def task_runs(api: PrefectApi, run_id: str) -> list[Json]:
    """The steps of a run so far, in the order in which they began."""
    filters = {"flow_runs": {"id": {"any_": [run_id]}}, "limit": 200}
    found: Sequence[Json] = api.post("/task_runs/filter", filters)
    return sorted(found, key=lambda each: str(each["start_time"] or "9"))


def pages(api: PrefectApi, run_id: str) -> dict[str, str]:
    """Key -> newest Markdown of the pages that a run has published."""
    filters = {"flow_runs": {"id": {"any_": [run_id]}}, "sort": "UPDATED_DESC", "limit": 50}
    found: Sequence[Json] = api.post("/artifacts/filter", filters)
    return {each["key"]: each["data"] for each in reversed(found) if each["type"] == "markdown"}


def progress_words(api: PrefectApi, run_id: str) -> str:
    """What the run said last of how far it is; empty when it said nothing."""
    filters = {
        "flow_runs": {"id": {"any_": [run_id]}},
        "artifacts": {"type": {"any_": ["progress"]}},
        "sort": "UPDATED_DESC",
        "limit": 1,
    }
    found: Sequence[Json] = api.post("/artifacts/filter", filters)
    return str(found[0]["description"] or "") if found else ""


def _busy(response: httpx.Response) -> bool:
    return response.status_code in (httpx.codes.SERVICE_UNAVAILABLE, httpx.codes.TOO_MANY_REQUESTS)


def _content(response: httpx.Response) -> Any:
    if response.is_success:
        return response.json() if response.content else None
    if response.status_code == httpx.codes.UNAUTHORIZED:
        raise EffectFailed(
            f"{response.url}: the login of this home is not that of the server that answers there; "
            "another control plane listens on this port"
        )
    raise EffectFailed(
        f"{response.request.method} {response.url}: the control plane answered "
        f"{response.status_code}, {response.text[:300]}"
    )
