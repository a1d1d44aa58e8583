"""What SHA256SUMS may say, and which jars it lets through."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from distributions import ChecksumError, DistributionError, checksums

A, B = "a" * 64, "b" * 64
SUMS = st.dictionaries(
    st.sampled_from(["libs/a.jar", "libs/a-1.jar", "libs/B_2.0.Final.jar", "agents/jolokia.jar"]),
    st.binary(min_size=32, max_size=32).map(bytes.hex),
)


@given(SUMS)
def test_what_is_written_is_read_back(sums: dict[str, str]) -> None:
    assert checksums.read(checksums.write(sums), "SHA256SUMS") == sums


@given(SUMS, SUMS)
def test_exactly_equal_sums_pass(found: dict[str, str], wanted: dict[str, str]) -> None:
    checksums.check(found, found, "kafka-1")
    if found != wanted:
        with pytest.raises(ChecksumError):
            checksums.check(found, wanted, "kafka-1")


@pytest.mark.parametrize(
    ("found", "wanted", "sentence"),
    [
        (
            {"libs/x.jar": A},
            {"libs/x.jar": B},
            "kafka-1: libs/x.jar is not the jar that SHA256SUMS names:"
            f" SHA-256 wanted {B}, found {A}",
        ),
        (
            {"libs/x.jar": A},
            {},
            "kafka-1: libs/x.jar is a jar that SHA256SUMS does not name:"
            f" SHA-256 wanted none, found {A}",
        ),
        (
            {},
            {"libs/x.jar": B},
            "kafka-1: libs/x.jar is missing, though SHA256SUMS names it:"
            f" SHA-256 wanted {B}, found none",
        ),
    ],
)
def test_a_refusal_names_jar_and_digests(
    found: dict[str, str], wanted: dict[str, str], sentence: str
) -> None:
    with pytest.raises(ChecksumError) as refusal:
        checksums.check(found, wanted, "kafka-1")
    assert str(refusal.value) == sentence


@pytest.mark.parametrize(
    "line",
    [
        f"{A} libs/x.jar",
        f"{A}  x.jar",
        f"{A}  libs/../x.jar",
        f"{A}  libs/x.txt",
        f"{A.upper()}  libs/x.jar",
        f"{A[1:]}  libs/x.jar",
        "",
        f"{B}  libs/first.jar",
    ],
)
def test_a_line_of_another_form_is_refused(line: str) -> None:
    with pytest.raises(DistributionError) as refusal:
        checksums.read(f"{A}  libs/first.jar\n{line}\n", "SHA256SUMS")
    assert str(refusal.value) == (
        f"SHA256SUMS, line 2: {line!r} is not accepted: one line per jar,"
        " 64 hexadecimal digits, two spaces, libs/NAME.jar or agents/NAME.jar"
    )


def test_all_jars_of_a_tree_are_found_and_nothing_else(tmp_path: Path) -> None:
    for name in ("libs/x.jar", "agents/deep/y.jar", "libs/z.txt"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    assert checksums.of_tree(tmp_path) == {
        name: hashlib.sha256(name.encode()).hexdigest()
        for name in ("libs/x.jar", "agents/deep/y.jar")
    }


def test_coreutils_reads_what_is_written(tmp_path: Path) -> None:
    (tmp_path / "libs").mkdir()
    jar = tmp_path / "libs" / "x.jar"
    jar.write_bytes(b"jar")
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(checksums.write(checksums.of_tree(tmp_path)))
    command = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 0
    jar.write_bytes(b"other")
    assert subprocess.run(command, cwd=tmp_path, capture_output=True, check=False).returncode == 1
