"""The clock of this machine and the chance of its operating system."""

from __future__ import annotations

import secrets
import string
import time
from datetime import UTC, datetime

from flows.domain.errors import Refused
from flows.domain.names import check_password

SHORTEST_PASSWORD, LONGEST_PASSWORD = 8, 32

_TOKEN = string.ascii_lowercase + string.digits
# Neither quotes, blanks nor backslashes: passwords also stand in JAAS and properties files.
_PASSWORD = string.ascii_letters + string.digits + "-_.+~"


class SystemClock:
    """Real time and real chance (`secrets`); implements `Clock`."""

    def now(self) -> datetime:
        """The present moment in UTC, with its zone."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds that never jump, since some moment in the past."""
        return time.monotonic()

    def pause(self, seconds: float) -> None:
        """The seconds are over."""
        time.sleep(seconds)

    def token(self, characters: int) -> str:
        """Random lower-case letters and digits, the first one a letter."""
        if characters < 1:
            raise ValueError(f"characters {characters}: a token has at least 1")
        first = secrets.choice(string.ascii_lowercase)
        return first + "".join(secrets.choice(_TOKEN) for _ in range(characters - 1))

    def password(self, characters: int) -> str:
        """A random password that keeps the rules of SPEC 1.1; 32 characters have 194 bits.

        It holds letters, digits and `-_.+~`. It knows no user: whoever gives it to one also
        checks that the user's name does not happen to stand in it.
        """
        if not SHORTEST_PASSWORD <= characters <= LONGEST_PASSWORD:
            accepted = f"{SHORTEST_PASSWORD} to {LONGEST_PASSWORD} are accepted"
            raise ValueError(f"characters {characters}: {accepted}")
        while not _is_accepted(candidate := _random_text(characters)):
            pass
        return candidate


def _random_text(characters: int) -> str:
    return "".join(secrets.choice(_PASSWORD) for _ in range(characters))


def _is_accepted(password: str) -> bool:
    try:
        check_password("password", password, None)
    except Refused:
        return False
    return True
