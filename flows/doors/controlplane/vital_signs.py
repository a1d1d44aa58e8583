"""Whether a process of the control plane does its work, asked by hand over HTTP.

The supervisor asks; an HTTP client would double its size.
"""

from __future__ import annotations

import base64
import socket

ANSWER_SECONDS = 5
_NO_WORKER = b'"status":"NOT_READY"'


def api_answers(port: int) -> bool:
    """Whether Prefect's API says that it is healthy."""
    return _get(port, "/api/health").startswith(b"HTTP/1.1 200 ")


def pool_is_served(port: int, login: str, pool: str) -> bool:
    """Whether the pool has a worker that sent heartbeats; True while the API cannot tell.

    Prefect takes a worker for gone once three of its heartbeats, 90 s, are missing.
    """
    return _NO_WORKER not in _get(port, f"/api/work_pools/{pool}", login)


def _get(port: int, path: str, login: str = "") -> bytes:
    """The whole answer, empty when there is none."""
    lines = [f"GET {path} HTTP/1.0", "Host: localhost"]
    if login:
        lines.append(f"Authorization: Basic {base64.b64encode(login.encode()).decode()}")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=ANSWER_SECONDS) as connection:
            connection.sendall("\r\n".join([*lines, "", ""]).encode())
            return b"".join(iter(lambda: connection.recv(65536), b""))
    except OSError:
        return b""
