"""The image's name and its cache."""

from __future__ import annotations

import fcntl
import threading
from pathlib import Path

import pytest

from inventories.lab import image_definition
from inventories.lab.image import clear_cache, ensure_image, image_path


def test_the_name_follows_from_the_definition(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = image_path(tmp_path)
    assert image_path(tmp_path) == before
    monkeypatch.setitem(image_definition.FILES, "etc/motd", "changed")
    assert image_path(tmp_path) != before


def test_an_image_that_is_there_is_not_built_again(tmp_path: Path) -> None:
    said: list[str] = []
    image_path(tmp_path).write_bytes(b"image")
    assert ensure_image(tmp_path, said.append) == image_path(tmp_path)
    assert said == []
    assert image_path(tmp_path).read_bytes() == b"image"


def test_who_comes_second_waits_for_the_first_builder(tmp_path: Path) -> None:
    said: list[str] = []
    with (tmp_path / "build.lock").open("w") as building:
        fcntl.flock(building, fcntl.LOCK_EX)
        second = threading.Thread(target=ensure_image, args=(tmp_path, said.append))
        second.start()
        second.join(timeout=0.2)
        assert second.is_alive()
        image_path(tmp_path).write_bytes(b"image")
    second.join(timeout=5)
    assert not second.is_alive()
    assert said == []


def test_a_cleared_cache_is_gone(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    clear_cache(cache)
    (cache / "build-left").mkdir(parents=True)
    image_path(cache).write_bytes(b"image")
    clear_cache(cache)
    assert not cache.exists()
