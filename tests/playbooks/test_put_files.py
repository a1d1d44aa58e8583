"""Files that are put on a host without a play, by the code that plays are made of.

What runs on hosts runs here: as text on the standard input of a Python of its own.
"""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from hashlib import sha256
from pathlib import Path
from typing import Any, cast

import pytest

from flows.adapters.hosts.asking import Call, ask_in_turn
from flows.adapters.hosts.connection import Answer, Connection
from flows.adapters.hosts.delivering import delivery
from flows.adapters.hosts.ssh import CLAIM
from flows.domain.errors import EffectFailed
from flows.domain.host_files import HostFile, as_variable
from flows.domain.instance import Machine
from playbooks.module_utils.kafka_fleet import applied, options
from playbooks.module_utils.kafka_fleet.claim import epoch_of, locked
from playbooks.module_utils.kafka_fleet.files import deliver


class Here:
    """What a connection is asked for, done by a process of this machine."""

    machine = Machine("here-1-1", 1, 1, "127.0.0.1", "zone-1", "ssh-ed25519 K")

    def __init__(self) -> None:
        self.commands: list[str] = []

    def run(self, command: str, given: bytes = b"") -> Answer:
        """Runs it."""
        self.commands.append(command)
        done = subprocess.run(command.split(), input=given, capture_output=True, check=False)
        return Answer(done.stdout, done.stderr.decode(), done.returncode)


def claimed(state: str, epoch: int) -> Call:
    """The host belongs to the operation."""
    return Call(CLAIM, "claim", {"state": state, "owner": "t0000001", "epoch": epoch})


def claim_of(state: Path, epoch: int) -> dict[str, Any]:
    """As whom a host is changed."""
    return {"state": str(state), "owner": "t0000001", "epoch": epoch}


def files_in(root: Path) -> tuple[HostFile, ...]:
    """One that may be seen, and a secret one of bytes."""
    owner = pwd.getpwuid(os.getuid()).pw_name
    secret = HostFile(f"{root}/private/a.p12", b"\x00{{ key }}", owner, "0400", secret=True)
    return (HostFile(f"{root}/rules.nft", "table {{ a }}\n", owner), secret)


def test_files_are_put_as_a_play_would_and_a_play_then_changes_nothing(tmp_path: Path) -> None:
    here, files = cast(Connection, Here()), files_in(tmp_path)
    done = ask_in_turn(here, delivery(claim_of(tmp_path / "state", 5), files, {}))
    assert done == [str(tmp_path / "rules.nft"), str(tmp_path / "private"), files[1].path]
    assert Path(files[1].path).read_bytes() == b"\x00{{ key }}"
    assert stat.S_IMODE(Path(files[1].path).stat().st_mode) == 0o400
    assert applied.read(str(tmp_path / "state")).files == {
        "public": {files[0].path: sha256(b"table {{ a }}\n").hexdigest()},
        "secret": {files[1].path: sha256(b"\x00{{ key }}").hexdigest()},
    }
    for part, file in zip(("public", "secret"), files, strict=True):
        asked = {
            "state_directory": str(tmp_path / "state"),
            "directories": [],
            "keep": True,
            "files": [{"group": None, "encoding": "text", **as_variable(file)}],
        }
        assert deliver(options.delivery(asked, part, check=False)) == []
    assert ask_in_turn(here, delivery(claim_of(tmp_path / "state", 5), files, {})) == []


def test_files_that_are_not_named_stay(tmp_path: Path) -> None:
    here, (first, second) = cast(Connection, Here()), files_in(tmp_path)
    for file in (first, second):
        ask_in_turn(here, delivery(claim_of(tmp_path / "state", 5), (file,), {}))
    assert Path(first.path).exists()
    assert len(applied.read(str(tmp_path / "state")).paths()) == 2


def test_an_older_operation_puts_nothing(tmp_path: Path) -> None:
    here, files = cast(Connection, Here()), files_in(tmp_path)
    ask_in_turn(here, claimed(str(tmp_path / "state"), 6))
    with pytest.raises(EffectFailed, match="the host was changed by operation 6") as refused:
        ask_in_turn(here, delivery(claim_of(tmp_path / "state", 5), files, {}))
    assert "key" not in str(refused.value)
    assert not Path(files[0].path).exists()


def test_a_newer_operation_waits_for_what_an_older_one_puts(tmp_path: Path) -> None:
    """So nothing that was sent before a takeover lands after it."""
    state = tmp_path / "state"
    ask_in_turn(cast(Connection, Here()), claimed(str(state), 5))
    with ThreadPoolExecutor() as pool:
        with locked(str(state)):
            newer = pool.submit(ask_in_turn, cast(Connection, Here()), claimed(str(state), 6))
            with pytest.raises(FutureTimeoutError):
                newer.result(timeout=0.5)
            assert epoch_of(str(state)) == 5
        newer.result(timeout=10)
    assert epoch_of(str(state)) == 6


def test_what_is_put_is_in_no_argument(tmp_path: Path) -> None:
    here = Here()
    ask_in_turn(cast(Connection, here), delivery(claim_of(tmp_path, 5), files_in(tmp_path), {}))
    assert here.commands == ["python3 -I -"]
    assert "key" not in repr(files_in(tmp_path))


def test_units_load_their_files_after_these_lie_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f"#!/bin/sh\nls {tmp_path}/rules.nft && echo $* >&2\nexit 3\n")
    systemctl.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    units = {"loaded": {"firewall.service": f"{tmp_path}/rules.nft"}}
    asked = delivery(claim_of(tmp_path / "state", 5), files_in(tmp_path), units)
    with pytest.raises(EffectFailed, match=r"systemctl show .* firewall\.service: show --prop"):
        ask_in_turn(cast(Connection, Here()), asked)
