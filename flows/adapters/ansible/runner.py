"""ansible-runner, held so that no secret leaves memory and no process outlives its engine."""

from __future__ import annotations

import json
import os
import shlex
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from ansible_runner import Runner, RunnerConfig

from flows.adapters.ansible.inventory import inventory_text, known_hosts_text, secrets_text
from flows.adapters.ansible.pipe import handed_over
from flows.adapters.ansible.private import private_directory, write_private
from flows.adapters.ansible.watcher import Watcher
from flows.adapters.site import Play, PlayResult
from flows.domain.errors import EffectFailed

_MOST_FORKS = 25
# How often a cancelled play is noticed (s), and that the runner stores no output.
_RUNNER_SETTINGS = {"pexpect_timeout": 1, "suppress_output_file": True}


@dataclass
class RunnerAnsible:
    """Plays for the machines of one instance.

    `ssh_key` gives the private key's text when it is needed, `say` takes a line for each task and
    host. A machine's user becomes root by sudo. A play ends within `limit` seconds.
    """

    owner: str
    ssh_key: Callable[[], str]
    playbooks: Path
    say: Callable[[str], None]
    limit: int = 900

    def play(self, play: Play) -> PlayResult:
        """The hosts are as the playbook says; otherwise EffectFailed with task, host, message.

        A signal that asks this process to stop ends the play first and is then delivered anew.
        """
        return self._run(play, "")

    def preview(self, play: Play) -> PlayResult:
        """Says what a play would change, and changes nothing."""
        return self._run(play, "--check --diff")

    def _run(self, play: Play, options: str) -> PlayResult:
        if not play.machines:
            return PlayResult({})
        watcher = Watcher(play, self.say)
        with _signals_held() as signals:
            status = self._carry_out(play, options, watcher, signals)
        signals.deliver()
        _check(status, watcher, self.limit)
        return PlayResult({host.name: watcher.changed.get(host.name, 0) for host in play.machines})

    def _carry_out(self, play: Play, options: str, watcher: Watcher, signals: Signals) -> str:
        with private_directory() as directory:
            self._write_files(play, directory)
            with handed_over(directory / "secrets.json", secrets_text(play)) as pipe:
                config = self._config(play, directory, f"-e @{shlex.quote(str(pipe))} {options}")
                runner = Runner(
                    config, event_handler=watcher.take, cancel_callback=signals.received
                )
                status, _ = runner.run()
        return str(status)

    def _write_files(self, play: Play, directory: Path) -> None:
        key = directory / "key"
        inventory = inventory_text(play, self.owner, key)
        write_private(key, self.ssh_key().strip() + "\n")
        write_private(directory / "known_hosts", known_hosts_text(play.machines))
        write_private(directory / "machines.json", inventory)
        write_private(directory / "ansible.cfg", "")
        (directory / "env").mkdir(mode=0o700)
        write_private(directory / "env/settings", json.dumps(_RUNNER_SETTINGS))

    def _config(self, play: Play, directory: Path, options: str) -> RunnerConfig:
        environment = _environment(directory, len(play.machines))
        config = RunnerConfig(
            private_data_dir=str(directory),
            project_dir=str(self.playbooks),
            playbook=play.playbook,
            inventory=str(directory / "machines.json"),
            cmdline=options,
            envvars=environment,
            quiet=True,
            timeout=self.limit,
        )
        config.prepare()
        config.env = _without_inherited(config.env, environment)
        config.command = _dying_with_us(config.command)
        return config


@dataclass
class Signals:
    """Signals that came while a play ran."""

    noted: list[int] = field(default_factory=list)

    def received(self) -> bool:
        """Whether somebody asked this process to stop."""
        return bool(self.noted)

    def deliver(self) -> None:
        """Does now what the first signal was to do."""
        if self.noted:
            signal.raise_signal(self.noted[0])


@contextmanager
def _signals_held() -> Iterator[Signals]:
    """SIGTERM and SIGINT are noted; their handlers are the same afterwards as before."""
    signals = Signals()
    if threading.current_thread() is not threading.main_thread():
        yield signals
        return
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in numbers:
        signal.signal(number, lambda received, _: signals.noted.append(received))
    try:
        yield signals
    finally:
        for number, handler in before.items():
            signal.signal(number, handler if handler is not None else signal.SIG_DFL)


def _check(status: str, watcher: Watcher, limit: int) -> None:
    playbook = watcher.play.playbook
    if status == "canceled":
        raise EffectFailed(f"{playbook}: the play was cancelled")
    if status == "timeout":
        raise EffectFailed(f"{playbook}: the play did not end within {limit} s and was stopped")
    if status != "successful" or watcher.failures:
        raise EffectFailed(watcher.complaint())


def _environment(directory: Path, machines: int) -> dict[str, str]:
    """All that ansible-playbook gets: nothing of ours is inherited but the path."""
    ssh = {
        "BatchMode": "yes",
        "ControlMaster": "auto",
        "ControlPersist": "60s",
        "GlobalKnownHostsFile": os.devnull,
        "IdentitiesOnly": "yes",
        "IdentityAgent": "none",
        "ServerAliveInterval": "5",
        "ServerAliveCountMax": "4",
        "StrictHostKeyChecking": "yes",
        "UserKnownHostsFile": str(directory / "known_hosts"),
    }
    options = " ".join(f"-o {name}={value}" for name, value in ssh.items())
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(directory),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(directory / "ansible.cfg"),
        "ANSIBLE_DEPRECATION_WARNINGS": "0",
        "ANSIBLE_FORKS": str(min(machines, _MOST_FORKS)),
        "ANSIBLE_HOME": str(directory / "home"),
        "ANSIBLE_HOST_KEY_CHECKING": "1",
        "ANSIBLE_INVENTORY_ENABLED": "yaml",
        "ANSIBLE_LOCAL_TEMP": str(directory / "tmp"),
        "ANSIBLE_NO_TARGET_SYSLOG": "1",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_SSH_ARGS": f"-F none {options}",
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(directory / "ssh"),
        "ANSIBLE_TIMEOUT": "10",
    }


def _without_inherited(found: dict[str, str], ours: dict[str, str]) -> dict[str, str]:
    """The runner copies our whole environment, passwords and all: only its own additions stay."""
    return {
        name: value
        for name, value in found.items()
        if name in ours or os.environ.get(name) != value
    }


def _dying_with_us(command: list[str]) -> list[str]:
    """ansible-playbook of this environment, killed by the kernel when this process dies."""
    binary = Path(sys.executable).parent / "ansible-playbook"
    return ["setpriv", "--pdeathsig", "KILL", str(binary), *command[1:]]
