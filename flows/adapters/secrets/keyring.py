"""The master keys in `FLEET_HOME/secrets/master.key`: one Fernet key a line, the newest first."""

from __future__ import annotations

import os
from pathlib import Path

from cryptography.fernet import Fernet, MultiFernet

from flows.domain.errors import EffectFailed


class Keyring:
    """A file of keys that only its owner can read (0600); read anew whenever it is needed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Whether there is a key at all."""
        return self.path.exists()

    def create(self) -> None:
        """There is a key; one that another process made first is left alone."""
        draft = self._draft([Fernet.generate_key().decode("ascii")])
        try:
            os.link(draft, self.path)
        except FileExistsError:
            return
        finally:
            draft.unlink()

    def cipher(self) -> MultiFernet:
        """Encrypts with the newest key, decrypts with each; EffectFailed for a bad file."""
        return MultiFernet(
            [self._fernet(number, line) for number, line in enumerate(self._lines(), start=1)]
        )

    def add(self) -> None:
        """A new key is the newest one; all others stay."""
        self._replace([Fernet.generate_key().decode("ascii"), *self._lines()])

    def drop_all_but(self, newest: int) -> None:
        """Only the newest keys are left; what others have encrypted is lost."""
        self._replace(self._lines()[:newest])

    def _lines(self) -> list[str]:
        try:
            text, mode = self.path.read_text("ascii"), self.path.stat().st_mode
        except (OSError, UnicodeDecodeError) as error:
            raise EffectFailed(
                f"secrets: the master key {self.path} cannot be read "
                f"({type(error).__name__}); restore it from a backup"
            ) from None
        if mode & 0o077:
            raise EffectFailed(
                f"secrets: the master key {self.path} has the mode {mode & 0o777:04o}, so others "
                "than its owner may know it; 0600 is accepted"
            )
        lines = text.split()
        if not lines:
            raise EffectFailed(f"secrets: the master key {self.path} is empty")
        return lines

    def _fernet(self, number: int, line: str) -> Fernet:
        try:
            return Fernet(line)
        except ValueError:
            raise EffectFailed(
                f"secrets: line {number} of {self.path} is not a key; accepted are 32 bytes in "
                "URL-safe base64"
            ) from None

    def _replace(self, keys: list[str]) -> None:
        self._draft(keys).replace(self.path)
        _flush_directory(self.path.parent)

    def _draft(self, keys: list[str]) -> Path:
        """The keys in a file beside, safe on the disk before it gets its name."""
        self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.path.with_name(f".{self.path.name}.{os.getpid()}")
        draft.unlink(missing_ok=True)
        with open(os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "w") as file:
            file.write("".join(f"{key}\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        return draft


def _flush_directory(path: Path) -> None:
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
