"""Who asked the broker on this host for something lately, as its own plugin remembers it."""

import json
import urllib.request
from typing import Any

SECONDS = 10


def clients(port: int) -> list[str]:
    """Lines of user, address and seconds since, from the agent that reads metrics here."""
    url = f"http://127.0.0.1:{port}/jolokia/read/kafkafleet:type=Clients/Seen"
    with urllib.request.urlopen(url, timeout=SECONDS) as answer:
        told: dict[str, Any] = json.load(answer)
    if told.get("status") != 200:
        raise RuntimeError(f"the broker does not tell its clients: {told.get('error')}")
    return list(told["value"])
