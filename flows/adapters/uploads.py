"""The one directory from which files are taken at somebody's word: `uploads` of `FLEET_HOME`.

Whoever asks through the command line or a chat names a file there, and never a path.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from pathlib import Path

from flows.domain.errors import Refused, refusal

LARGEST = 100 * 1024
"""Bytes that a file may have (SPEC 2.4)."""

_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\Z")


class UploadsDirectory:
    """Implements `Uploads`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def read(self, field: str, name: str) -> bytes:
        """The content of the file; Refused for any other name than that of a small plain file."""
        self._check_name(field, name)
        descriptor = self._open(field, name)
        try:
            self._check_file(field, name, os.fstat(descriptor))
            return os.read(descriptor, LARGEST)
        finally:
            os.close(descriptor)

    @property
    def _accepted(self) -> str:
        return f"the name of a file in {self._directory}"

    def _check_name(self, field: str, name: str) -> None:
        rules = (
            (name.startswith("/"), "it is an absolute path"),
            (".." in name.split("/"), "it leads out of the directory"),
            ("/" in name, "it is a path"),
            (not _NAME.match(name), "it is no plain file name (letters, digits, '.', '_', '-')"),
        )
        for broken, rule in rules:
            if broken:
                raise refusal(field, name, f"{rule}; accepted is {self._accepted}")

    def _check_file(self, field: str, name: str, found: os.stat_result) -> None:
        if not stat.S_ISREG(found.st_mode):
            raise refusal(field, name, f"it is no plain file; accepted is {self._accepted}")
        if found.st_size > LARGEST:
            rule = f"it has {found.st_size:,} bytes; accepted are at most {LARGEST:,}"
            raise refusal(field, name, rule)

    def _open(self, field: str, name: str) -> int:
        # Not by its path: what is checked and what is read have to be the same file.
        flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            directory = os.open(self._directory, flags | os.O_DIRECTORY)
        except OSError as error:
            raise Refused(f"{field}: {self._directory} cannot be read ({error.strerror})") from None
        try:
            return os.open(name, flags | os.O_NONBLOCK, dir_fd=directory)
        except OSError as error:
            raise refusal(field, name, f"{_why(error)}; accepted is {self._accepted}") from None
        finally:
            os.close(directory)


def _why(error: OSError) -> str:
    words = {
        errno.ENOENT: "there is no such file",
        errno.ELOOP: "it is a symbolic link, and none is followed",
    }
    return words.get(error.errno or 0, f"it cannot be read ({error.strerror})")
