"""From coordinates to a tarball: resolve, check every jar, add what is ours, pack."""

import os
import shutil
from pathlib import Path

from . import checksums, pluginjar
from .archive import pack
from .cache import Say, workspace
from .definition import AGENTS, PLUGINS, Distribution, find
from .maven import copy_jars

_JOLOKIA = "jolokia-agent-jvm-*-javaagent.jar"


def tarball(name: str, cache: Path, say: Say) -> Path:
    """Return the tarball of the named distribution, built unless ``cache`` has it already.

    Its top level is ``libs/`` (the class path) and, for Kafka, ``agents/``. Its name ends in the
    digest of all that it was made of. Any number of builders may ask at once. Raises
    DistributionError, and ChecksumError when a jar is not the committed one; then nothing is kept.
    """
    return build(find(name), cache, say)


def digest(tarball: Path) -> str:
    """Return the part of a tarball's name that says what it was made of."""
    return tarball.stem.rpartition("-")[2]


def build(distribution: Distribution, cache: Path, say: Say) -> Path:
    """Do what ``tarball`` does, for a distribution that may lie anywhere."""
    target = cache / f"{distribution.name}-{distribution.digest()}.tar"
    if target.exists():
        return target
    with workspace(cache, say) as work:
        if not target.exists():  # else another builder made it while this one waited
            _make(distribution, work, target, say)
    return target


def resolve(distribution: Distribution, work: Path, say: Say) -> Path:
    """Return a tree in ``work`` with the jars of the distribution where they belong, unchecked.

    Maven keeps its downloads beside the workspace, for the next distribution.
    """
    say(f"{distribution.name}: Maven brings the jars")
    tree = work / "tree"
    libs = tree / "libs"
    libs.mkdir(parents=True)
    copy_jars(distribution.pom, libs, repository=work.parent / "maven")
    for agent in libs.glob(_JOLOKIA):
        (tree / "agents").mkdir()
        agent.rename(tree / "agents" / "jolokia.jar")
    return tree


def _make(distribution: Distribution, work: Path, target: Path, say: Say) -> None:
    wanted = distribution.wanted()
    tree = resolve(distribution, work, say)
    checksums.check(checksums.of_tree(tree), wanted, distribution.name)
    say(f"{distribution.name}: {len(wanted)} jars are the committed ones")
    if distribution.is_kafka:
        _add_ours(tree, say)
    pack(tree, work / target.name)
    os.replace(work / target.name, target)
    say(f"{distribution.name}: {target} is ready")


def _add_ours(tree: Path, say: Say) -> None:
    say("compiling the plugins")
    pluginjar.compile_plugins(PLUGINS, tree / "libs")
    for file in AGENTS.iterdir():
        shutil.copyfile(file, tree / "agents" / file.name)
