"""``python -m distributions``: build a tarball, or pin the jars of one."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from . import cache
from .build import tarball
from .definition import names
from .errors import DistributionError
from .pinning import pin


def main(arguments: Sequence[str] | None = None) -> int:
    """Return the exit code: 0 when done, 1 after one sentence on standard error."""
    wish = _parser().parse_args(arguments)
    try:
        if wish.verb == "build":
            print(tarball(wish.name, wish.cache, _say))
        else:
            pin(wish.name, wish.cache, _say)
    except DistributionError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _say(line: str) -> None:
    print(line, file=sys.stderr)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m distributions", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, text in (
        ("build", "print the path of the tarball, after building it if there is none"),
        ("sums", "rewrite SHA256SUMS from what Maven brings (for maintainers)"),
    ):
        command = verbs.add_parser(verb, help=text, description=text)
        command.add_argument("name", metavar="NAME", help=", ".join(names()))
        command.add_argument("--cache", type=Path, default=cache.DEFAULT, metavar="DIR")
    return parser


if __name__ == "__main__":
    sys.exit(main())
