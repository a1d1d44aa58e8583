"""``python -m distributions`` and what it writes for maintainers."""

import shutil
from pathlib import Path

import pytest

import distributions
from distributions import pinning
from distributions.__main__ import main
from distributions.definition import Distribution, find

ZOOKEEPER = "zookeeper-3.8.6"


@pytest.fixture
def committed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Distribution:
    """Return a copy of a distribution that the command takes for the committed one."""
    copy = Distribution(shutil.copytree(find(ZOOKEEPER).folder, tmp_path / ZOOKEEPER))
    monkeypatch.setattr(pinning, "find", {ZOOKEEPER: copy}.__getitem__)
    return copy


def test_build_prints_the_path_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", ZOOKEEPER]) == 0
    path = distributions.tarball(ZOOKEEPER, distributions.DEFAULT_CACHE, print)
    assert capsys.readouterr().out == f"{path}\n"


def test_a_refusal_is_one_sentence_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["build", "kafka-9"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("distribution 'kafka-9' is not known: use ")
    assert err.count("\n") == 1


def test_unchanged_sums_are_said_too() -> None:
    assert pinning.differences({"libs/a.jar": "1"}, {"libs/a.jar": "1"}) == ["nothing differs"]


def test_sums_say_what_came_went_and_differs(
    committed: Distribution, capsys: pytest.CaptureFixture[str]
) -> None:
    right = committed.sums.read_text()
    first, second, *rest = right.splitlines(keepends=True)
    spoiled = ["0" * 64 + first[64:], *rest, f"{'1' * 64}  libs/gone.jar\n"]
    committed.sums.write_text("".join(spoiled))
    assert main(["sums", ZOOKEEPER]) == 0
    assert committed.sums.read_text() == right
    said = capsys.readouterr().err
    assert said.endswith(f"! {first[66:]}+ {second[66:]}- libs/gone.jar\n")
