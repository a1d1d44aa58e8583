"""Tarballs as they are really built: by Maven, once into the common cache.

Tests that must build again do so in a cache of their own that borrows Maven's downloads.
"""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

import distributions
from distributions import ChecksumError, DistributionError, archive, checksums, pluginjar
from distributions.build import build
from distributions.cache import DEFAULT, workspace
from distributions.definition import PLUGINS, Distribution, find

KAFKA, ZOOKEEPER = "kafka-2.7.2", "zookeeper-3.8.6"
JAR = "libs/zookeeper-3.8.6.jar"

BUILDER_AT_WORK = """
import pathlib, sys, time
from distributions.cache import DEFAULT, workspace
with workspace(pathlib.Path(sys.argv[1]), print) as work:
    print(work, flush=True)
    time.sleep(60)
"""


def silent(line: str) -> None:
    """Take a line of progress that no test looks at."""


@pytest.fixture(scope="module")
def built() -> dict[str, Path]:
    """Return the tarballs of the common cache, built if need be."""
    return {name: distributions.tarball(name, DEFAULT, print) for name in (KAFKA, ZOOKEEPER)}


@pytest.fixture
def cache(built: dict[str, Path], tmp_path: Path) -> Path:
    """Return an empty cache for which Maven has nothing to fetch."""
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "maven").symlink_to(DEFAULT / "maven")
    return cache


@pytest.fixture
def zookeeper(tmp_path: Path) -> Distribution:
    """Return a copy of a distribution that a test may spoil."""
    return Distribution(shutil.copytree(find(ZOOKEEPER).folder, tmp_path / ZOOKEEPER))


def held(cache: Path) -> list[str]:
    """Return what a cache holds beside Maven's downloads and the lock."""
    return sorted({path.name for path in cache.iterdir()} - {"maven", "lock"})


# What a tarball holds


@pytest.mark.parametrize("name", [KAFKA, ZOOKEEPER])
def test_it_holds_the_committed_jars_and_what_is_ours(built: dict[str, Path], name: str) -> None:
    ours = {f"libs/{pluginjar.NAME}", "agents/jolokia-policy.xml"} if name == KAFKA else set()
    with tarfile.open(built[name]) as tar:
        files = {entry.name for entry in tar if entry.isfile()}
    assert files == find(name).wanted().keys() | ours


def test_entries_are_sorted_and_roots(built: dict[str, Path]) -> None:
    with tarfile.open(built[KAFKA]) as tar:
        entries = tar.getmembers()
    assert [entry.name for entry in entries] == sorted(entry.name for entry in entries)
    assert {(entry.isdir(), entry.mode) for entry in entries} == {(True, 0o755), (False, 0o644)}
    assert {(entry.uid, entry.gid, entry.uname, entry.gname) for entry in entries} == {
        (0, 0, "root", "root")
    }
    assert {entry.mtime for entry in entries} == {archive.EPOCH.timestamp()}


def test_its_name_ends_in_the_digest(built: dict[str, Path]) -> None:
    for name, path in built.items():
        assert distributions.digest(path) == find(name).digest()
        assert path.name == f"{name}-{find(name).digest()}.tar"


def test_plugins_run_on_java_8(built: dict[str, Path], tmp_path: Path) -> None:
    with tarfile.open(built[KAFKA]) as tar:
        tar.extract(f"libs/{pluginjar.NAME}", tmp_path, filter="data")
    with zipfile.ZipFile(tmp_path / "libs" / pluginjar.NAME) as jar:
        classes = [name for name in jar.namelist() if name.endswith(".class")]
        heads = {jar.read(name)[:8].hex() for name in classes}
    assert "kafkafleet/ListenerPrincipalBuilder.class" in classes
    assert "kafkafleet/PlainUsersLoginModule.class" in classes
    assert heads == {"cafebabe" + "00000034"}  # class file version 52


@pytest.mark.slow
def test_one_source_gives_the_same_plugins_on_every_kafka() -> None:
    kafkas = [name for name in distributions.names() if name.startswith("kafka-")]
    plugins = {name: plugins_of(distributions.tarball(name, DEFAULT, print)) for name in kafkas}
    assert len(plugins) >= 3
    assert set(plugins.values()) == {plugins[KAFKA]}


def plugins_of(tarball: Path) -> bytes:
    with tarfile.open(tarball) as tar:
        jar = tar.extractfile(f"libs/{pluginjar.NAME}")
        assert jar
        return jar.read()


# When it is built


def test_the_same_inputs_give_the_same_bytes(built: dict[str, Path], cache: Path) -> None:
    assert distributions.tarball(KAFKA, cache, silent).read_bytes() == built[KAFKA].read_bytes()


def test_the_digest_changes_with_every_file_of_the_folder(zookeeper: Distribution) -> None:
    seen = {zookeeper.digest()}
    for file in zookeeper.folder.iterdir():
        file.write_text(file.read_text() + "\n")
        seen.add(zookeeper.digest())
    assert len(seen) == 3


def test_the_digest_of_kafka_alone_changes_with_the_plugins(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = {name: find(name).digest() for name in (KAFKA, ZOOKEEPER)}
    changed = shutil.copytree(PLUGINS, tmp_path / "plugins")
    (changed / "kafkafleet" / "Another.java").touch()
    monkeypatch.setattr("distributions.definition.PLUGINS", changed)
    assert find(KAFKA).digest() != before[KAFKA]
    assert find(ZOOKEEPER).digest() == before[ZOOKEEPER]


def test_builders_at_the_same_time_build_once_and_a_later_one_not_at_all(cache: Path) -> None:
    said: list[str] = []
    with ThreadPoolExecutor() as threads:
        calls = [
            threads.submit(distributions.tarball, ZOOKEEPER, cache, said.append) for _ in range(2)
        ]
    path = calls[0].result()
    assert path == calls[1].result()
    assert said.count(f"{ZOOKEEPER}: Maven brings the jars") == 1
    assert said.count(f"another builder works in {cache}: waiting for it") == 1

    made, lines = path.stat(), len(said)
    assert distributions.tarball(ZOOKEEPER, cache, said.append) == path
    assert (path.stat(), len(said)) == (made, lines)
    assert held(cache) == [path.name]


def test_a_builder_waits_for_another_process_but_not_for_ever(cache: Path) -> None:
    with (
        builder_at_work(cache) as work,
        pytest.raises(DistributionError) as refusal,
        workspace(cache, silent, limit=0.2),
    ):
        pytest.fail("two builders at once")
    assert str(refusal.value) == (
        f"another builder has held {cache} for more than 0.2 s: end it, or wait"
    )
    assert held(cache) == [work.name]


def test_what_a_killed_builder_left_is_removed(cache: Path) -> None:
    with builder_at_work(cache) as work:
        pass
    assert held(cache) == [work.name]
    with workspace(cache, silent, limit=5) as mine:
        assert held(cache) == [mine.name]
    assert held(cache) == []


@contextmanager
def builder_at_work(cache: Path) -> Iterator[Path]:
    """Yield the workspace of another process, which is killed at the end."""
    command = [sys.executable, "-c", BUILDER_AT_WORK, str(cache)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            yield Path(process.stdout.readline().strip())
        finally:
            process.kill()


# What is refused; then nothing is kept


def test_a_jar_with_another_checksum(zookeeper: Distribution, cache: Path) -> None:
    right, wrong = zookeeper.wanted()[JAR], "0" * 64
    zookeeper.sums.write_text(zookeeper.sums.read_text().replace(right, wrong))
    sentence = f"is not the jar that SHA256SUMS names: SHA-256 wanted {wrong}, found {right}"
    refused(zookeeper, cache, ChecksumError, f"{ZOOKEEPER}: {JAR} {sentence}")


def test_jars_that_were_tampered_with(built: dict[str, Path], tmp_path: Path) -> None:
    with tarfile.open(built[ZOOKEEPER]) as tar:
        tar.extractall(tmp_path, filter="data")
    wanted = find(ZOOKEEPER).wanted()
    checksums.check(checksums.of_tree(tmp_path), wanted, ZOOKEEPER)

    jar = tmp_path / JAR
    jar.write_bytes(jar.read_bytes() + b"\0")
    spoiled(tmp_path, wanted, f"{JAR} is not the jar that SHA256SUMS names")
    jar.rename(tmp_path / "libs" / "another.jar")
    spoiled(tmp_path, wanted, "libs/another.jar is a jar that SHA256SUMS does not name")
    (tmp_path / "libs" / "another.jar").unlink()
    spoiled(tmp_path, wanted, f"{JAR} is missing, though SHA256SUMS names it")


def spoiled(tree: Path, wanted: checksums.Sums, complaint: str) -> None:
    with pytest.raises(ChecksumError, match=f"^{ZOOKEEPER}: {complaint}: SHA-256 wanted "):
        checksums.check(checksums.of_tree(tree), wanted, ZOOKEEPER)


def test_coordinates_that_maven_cannot_bring(zookeeper: Distribution, cache: Path) -> None:
    pom = zookeeper.pom.read_text()
    zookeeper.pom.write_text(pom.replace("<modelVersion>4.0.0", "<modelVersion>9.9.9"))
    with pytest.raises(DistributionError) as refusal:
        build(zookeeper, cache, silent)
    assert str(refusal.value).startswith(f"{ZOOKEEPER}: Maven could not bring the jars: ")
    assert "'modelVersion' of '9.9.9' is newer than the versions supported" in str(refusal.value)
    assert held(cache) == []


def test_plugins_that_do_not_compile(tmp_path: Path) -> None:
    source = tmp_path / "Broken.java"
    source.write_text("class Broken {")
    libs = tmp_path / "libs"
    libs.mkdir()
    with pytest.raises(DistributionError) as refusal:
        pluginjar.compile_plugins(tmp_path, libs)
    assert str(refusal.value) == (
        f"the plugins do not compile: {source}:1: error: reached end of file while parsing"
    )
    assert set(tmp_path.iterdir()) == {source, libs}


def test_no_maven(
    zookeeper: Distribution, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    sentence = "mvn is not installed: install the packages maven and openjdk-17-jdk-headless"
    refused(zookeeper, cache, DistributionError, sentence)


def test_no_checksums_yet(zookeeper: Distribution, cache: Path) -> None:
    zookeeper.sums.unlink()
    sentence = (
        f"{ZOOKEEPER} has no SHA256SUMS yet: write it by"
        f" `python -m distributions sums {ZOOKEEPER}` and commit it"
    )
    refused(zookeeper, cache, DistributionError, sentence)


def refused(distribution: Distribution, cache: Path, error: type[Exception], sentence: str) -> None:
    with pytest.raises(error) as refusal:
        build(distribution, cache, silent)
    assert str(refusal.value) == sentence
    assert held(cache) == []


def test_a_cache_that_cannot_be_written(zookeeper: Distribution, tmp_path: Path) -> None:
    cache = tmp_path / "file"
    cache.touch()
    with pytest.raises(DistributionError) as refusal:
        build(zookeeper, cache, silent)
    assert str(refusal.value) == (
        f"the cache {cache} cannot be written (File exists): work as root, or name"
        " a directory of your own (--cache DIR)"
    )


def test_an_unknown_distribution(cache: Path) -> None:
    with pytest.raises(DistributionError) as refusal:
        distributions.tarball("kafka-2.8", cache, silent)
    assert str(refusal.value) == (
        f"distribution 'kafka-2.8' is not known: use {' or '.join(distributions.names())}"
    )
