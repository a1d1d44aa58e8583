"""SHA-256 of every jar: what ``SHA256SUMS`` wants, what lies in a tree, and the rule between them.

The file has the form of coreutils' ``sha256sum``, so ``sha256sum -c`` reads it too.
"""

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TypeAlias

from .errors import ChecksumError, DistributionError

Sums: TypeAlias = Mapping[str, str]
"""Path of a jar inside its tree (``libs/x.jar``) -> its SHA-256 in lower-case hexadecimal."""

_LINE = re.compile(r"(?P<digest>[0-9a-f]{64})  (?P<jar>(?:libs|agents)/[^/]+\.jar)")


def read(text: str, source: str) -> dict[str, str]:
    """Return the sums written in ``text``; ``source`` names it in the refusal of a bad line.

    Raises DistributionError for a line of another form and for a jar named twice.
    """
    sums: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), start=1):
        match = _LINE.fullmatch(line)
        if match is None or match["jar"] in sums:
            raise DistributionError(
                f"{source}, line {number}: {line!r} is not accepted: one line per jar,"
                " 64 hexadecimal digits, two spaces, libs/NAME.jar or agents/NAME.jar"
            )
        sums[match["jar"]] = match["digest"]
    return sums


def write(sums: Sums) -> str:
    """Return the text that ``read`` turns into the same sums, sorted by jar."""
    return "".join(f"{sums[jar]}  {jar}\n" for jar in sorted(sums))


def of_tree(tree: Path) -> dict[str, str]:
    """Return the sums of all jars below ``tree``."""
    return {
        str(jar.relative_to(tree)): hashlib.sha256(jar.read_bytes()).hexdigest()
        for jar in tree.rglob("*.jar")
    }


def check(found: Sums, wanted: Sums, distribution: str) -> None:
    """Hold that exactly the wanted jars were found, byte for byte; else raise ChecksumError.

    The first wrong jar in alphabetical order is named with both digests.
    """
    for jar in sorted(found.keys() | wanted.keys()):
        if found.get(jar) != wanted.get(jar):
            raise ChecksumError(
                f"{distribution}: {jar} {_complaint(found, wanted, jar)}:"
                f" SHA-256 wanted {wanted.get(jar, 'none')}, found {found.get(jar, 'none')}"
            )


def _complaint(found: Sums, wanted: Sums, jar: str) -> str:
    if jar not in wanted:
        return "is a jar that SHA256SUMS does not name"
    if jar not in found:
        return "is missing, though SHA256SUMS names it"
    return "is not the jar that SHA256SUMS names"
