"""A distribution put on a host: streamed once, complete or not there at all."""

from __future__ import annotations

import shlex
from pathlib import Path

from flows.adapters.hosts.connection import Answer, Connection
from flows.domain.errors import EffectFailed
from flows.domain.paths import DISTRIBUTIONS

# Truncated between two files, a tar looks whole: so the stream only fills a directory beside,
# and whoever sent all of it says afterwards that it is complete.
_PREPARE = "rm -rf {partial} && mkdir -p {partial}"
_EXTRACT = "tar --extract --no-same-owner --file=- --directory={partial}"
_FINISH = (
    "printf %s {name} >{partial}/.complete && sync -f {partial} && rm -rf {old}"
    " && if [ -e {target} ]; then mv -T {target} {old}; fi"
    " && mv -T {partial} {target} && rm -rf {old}"
)


def present(connection: Connection, distribution: str) -> str:
    """The name of the tarball that lies unpacked on the host; empty when there is none."""
    marker = shlex.quote(f"{DISTRIBUTIONS}/{distribution}/.complete")
    answer = connection.run(f"sh -c {shlex.quote(f'cat {marker} 2>/dev/null || true')}")
    return answer.output.decode().strip()


def put(connection: Connection, distribution: str, tarball: Path) -> None:
    """The tarball is unpacked under the distributions' directory, owned by root."""
    names = {
        "name": tarball.name,
        "target": f"{DISTRIBUTIONS}/{distribution}",
        "partial": f"{DISTRIBUTIONS}/.{distribution}.partial",
        "old": f"{DISTRIBUTIONS}/.{distribution}.old",
    }
    quoted = {key: shlex.quote(value) for key, value in names.items()}
    _check(connection, distribution, connection.run(_shell(_PREPARE.format(**quoted))))
    with tarball.open("rb") as source:
        _check(connection, distribution, connection.send(_EXTRACT.format(**quoted), source))
    finish = connection.run(_shell(_FINISH.format(**quoted)), limit=120)
    _check(connection, distribution, finish)


def _shell(text: str) -> str:
    return f"sh -c {shlex.quote(f'umask 022; {text}')}"


def _check(connection: Connection, distribution: str, answer: Answer) -> None:
    if answer.code:
        raise EffectFailed(
            f"{connection.machine.name}: {distribution} could not be unpacked: "
            f"{answer.errors or f'exit code {answer.code}'}"
        )
