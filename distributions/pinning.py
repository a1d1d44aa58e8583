"""For maintainers: write down which jars a distribution has, once they were looked at."""

from pathlib import Path

from . import checksums
from .build import resolve
from .cache import Say, workspace
from .definition import find


def pin(name: str, cache: Path, say: Say) -> None:
    """Make the distribution's ``SHA256SUMS`` name exactly the jars that Maven brings now.

    Every jar that comes, goes or differs is said: a jar of an unchanged version that differs is
    an alarm, not a routine.
    """
    distribution = find(name)
    before = distribution.wanted() if distribution.sums.exists() else {}
    with workspace(cache, say) as work:
        now = checksums.of_tree(resolve(distribution, work, say))
    for line in differences(before, now):
        say(line)
    distribution.sums.write_text(checksums.write(now))


def differences(before: checksums.Sums, now: checksums.Sums) -> list[str]:
    """Return one line per jar that comes (+), goes (-) or differs (!), or that nothing differs."""
    signs = {
        jar: "-" if jar not in now else "+" if jar not in before else "!"
        for jar in sorted(before.keys() | now.keys())
        if before.get(jar) != now.get(jar)
    }
    return [f"{sign} {jar}" for jar, sign in signs.items()] or ["nothing differs"]
