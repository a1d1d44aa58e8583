"""A distribution as it is committed: one folder ``<product>-<version>`` of data beside this file.

Adding a version is adding a folder: its ``pom.xml``, and ``SHA256SUMS`` by
``python -m distributions sums NAME``.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import checksums
from .errors import DistributionError

_HERE = Path(__file__).parent

AGENTS = _HERE / "agents"
"""Files that lie beside the agents of every Kafka distribution."""

PLUGINS = _HERE / "plugins"
"""Java sources of the jar that every Kafka distribution gets."""

_SHAPE = "1"
"""Raise it when this package makes another tarball of the same files: cached ones are old then.

A hash of the package itself would do it alone, but every comment would roll all brokers.
"""


@dataclass(frozen=True)
class Distribution:
    """One folder of coordinates and checksums."""

    folder: Path

    @property
    def name(self) -> str:
        """The folder's name: ``kafka-2.7.2``."""
        return self.folder.name

    @property
    def is_kafka(self) -> bool:
        """Whether brokers run it, so that it gets our plugins and the agents' files."""
        return self.name.startswith("kafka-")

    @property
    def pom(self) -> Path:
        """Maven coordinates of all jars."""
        return self.folder / "pom.xml"

    @property
    def sums(self) -> Path:
        """The committed SHA-256 of every jar."""
        return self.folder / "SHA256SUMS"

    def wanted(self) -> dict[str, str]:
        """Return the committed sums, or raise DistributionError when there are none."""
        self._require_sums()
        return checksums.read(self.sums.read_text(), str(self.sums))

    def digest(self) -> str:
        """Return 16 hexadecimal digits over everything that a tarball is made of.

        They say which tarball is wanted without building it. Raises DistributionError when there
        are no committed sums.
        """
        self._require_sums()
        whole = hashlib.sha256(_SHAPE.encode())
        for name, content in self._inputs():
            whole.update(f"{name}\0{len(content)}\0".encode() + content)
        return whole.hexdigest()[:16]

    def _require_sums(self) -> None:
        if not self.sums.exists():
            raise DistributionError(
                f"{self.name} has no SHA256SUMS yet: write it by"
                f" `python -m distributions sums {self.name}` and commit it"
            )

    def _inputs(self) -> Iterator[tuple[str, bytes]]:
        files = [self.pom, self.sums]
        if self.is_kafka:
            files += [*sorted(AGENTS.iterdir()), *sorted(PLUGINS.rglob("*.java"))]
        for file in files:
            yield file.name, file.read_bytes()


def names() -> list[str]:
    """Return the names of all distributions, sorted."""
    return sorted(pom.parent.name for pom in _HERE.glob("*/pom.xml"))


def find(name: str) -> Distribution:
    """Return the distribution of that name, or raise DistributionError naming those there are."""
    if name not in names():
        raise DistributionError(f"distribution {name!r} is not known: use {' or '.join(names())}")
    return Distribution(_HERE / name)
