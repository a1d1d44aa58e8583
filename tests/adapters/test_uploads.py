"""The directory of uploads: a name is taken, a path never; each refusal by its sentence."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from flows.adapters.uploads import LARGEST, UploadsDirectory
from flows.domain.errors import Refused


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """A directory with one good file, and everything that is none."""
    found = tmp_path / "uploads"
    (found / "inner").mkdir(parents=True)
    (found / "server.keystore.jks").write_bytes(b"\xfe\xed\xfe\xed")
    (found / "huge").write_bytes(bytes(LARGEST + 1))
    (tmp_path / "outside").write_bytes(b"not for you")
    (found / "link").symlink_to(tmp_path / "outside")
    (found / "near").symlink_to("server.keystore.jks")
    os.mkfifo(found / "pipe")
    return found


def test_a_plain_file_is_read_by_its_name(directory: Path) -> None:
    assert (
        UploadsDirectory(directory).read("keystore", "server.keystore.jks") == b"\xfe\xed\xfe\xed"
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("/etc/passwd", "it is an absolute path"),
        ("../outside", "it leads out of the directory"),
        ("inner/../../outside", "it leads out of the directory"),
        ("inner/file", "it is a path"),
        ("", "it is no plain file name (letters, digits, '.', '_', '-')"),
        (".", "it is no plain file name (letters, digits, '.', '_', '-')"),
        ("a\x00b", "it is no plain file name (letters, digits, '.', '_', '-')"),
        ("link", "it is a symbolic link, and none is followed"),
        ("near", "it is a symbolic link, and none is followed"),
        ("inner", "it is no plain file"),
        ("pipe", "it is no plain file"),
        ("absent", "there is no such file"),
    ],
)
def test_anything_else_is_refused(directory: Path, name: str, why: str) -> None:
    with pytest.raises(Refused) as refused:
        UploadsDirectory(directory).read("keystore", name)
    assert str(refused.value) == (
        f'keystore "{name}": {why}; accepted is the name of a file in {directory}'
    )


def test_a_huge_file_is_not_read(directory: Path) -> None:
    with pytest.raises(Refused) as refused:
        UploadsDirectory(directory).read("truststore", "huge")
    assert str(refused.value) == (
        'truststore "huge": it has 102,401 bytes; accepted are at most 102,400'
    )


def test_a_directory_that_is_a_link_is_not_followed(directory: Path) -> None:
    moved = directory.with_name("elsewhere")
    directory.rename(moved)
    directory.symlink_to(moved)
    with pytest.raises(Refused, match="cannot be read"):
        UploadsDirectory(directory).read("keystore", "server.keystore.jks")
