"""The directory of uploads of the fake world."""

from __future__ import annotations

from flows.domain.errors import refusal


class FakeUploads:
    """Implements `Uploads` on a dictionary; what is read there is no effect on the world."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def read(self, field: str, name: str) -> bytes:
        """The content of the file."""
        if name not in self.files:
            raise refusal(field, name, "there is no such file; accepted is the name of a file")
        return self.files[name]
