"""The machines of one instance over SSH; one round trip per question."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from flows.adapters.hosts import journal, unpacking
from flows.adapters.hosts.asking import Call, ask, ask_in_turn
from flows.adapters.hosts.connection import Connection, Unreachable
from flows.adapters.hosts.connections import Connections
from flows.adapters.hosts.delivering import SHARED, delivery
from flows.adapters.hosts.reading import host_facts, host_state, host_ways, seen_client
from flows.adapters.hosts.tunnel import HostTunnel
from flows.domain.access_seen import FILE_KEYS, HostWays
from flows.domain.errors import EffectFailed
from flows.domain.firewall import HELD, Hold
from flows.domain.host_files import HostFile
from flows.domain.instance import HostState, Machine
from flows.domain.machines import HostFacts
from flows.domain.paths import CONFIG, FIREWALL_UNIT, KAFKA_UNIT, SERVER_PROPERTIES, TOPICS
from flows.domain.seen_clients import SeenClient
from flows.domain.units import JOLOKIA_PORT

_REMOTE = Path(__file__).parent / "remote"
# The same files that the Ansible modules use.
CLAIM = SHARED / "claim.py"
BROKER = SHARED / "broker.py"
STOPPING_SECONDS = 2.0


class SshHosts:
    """Questions to hosts, and what Ansible would be too slow for.

    Host keys are pinned: a machine that shows another key, or does not accept ours, is
    EffectFailed at every question. Connections stay open until `close`; any thread may ask.
    """

    def __init__(self, owner: str, ssh_key: Callable[[], str]) -> None:
        """`owner` is the id of the instance; users other than root need sudo without a password."""
        self._owner = owner
        self._connections = Connections(ssh_key)

    def __enter__(self) -> SshHosts:
        """Closes the connections at the end of a `with`."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Closes the connections."""
        self.close()

    def close(self) -> None:
        """No connection is open; the next question opens one again."""
        self._connections.close()

    def reachable(self, machine: Machine) -> bool:
        """Whether a command runs there now."""
        try:
            return (
                self._connections.ask(machine, lambda open_: open_.run("true", limit=5)).code == 0
            )
        except Unreachable:
            return False

    def facts(self, machine: Machine) -> HostFacts:
        """What the host is; EffectFailed when it does not answer."""
        times: list[float] = []

        def question(connection: Connection) -> Any:
            times.append(time.time())
            told = ask(connection, _REMOTE / "facts.py", "facts", device=machine.data_device)
            times.append(time.time())
            return told

        told = self._must(machine, question)
        return host_facts(told, asked=times[-2], answered=times[-1])

    def observe(self, machine: Machine) -> HostState | None:
        """What the host says of itself, or None when it does not answer."""
        try:
            told = self._connections.ask(
                machine, lambda open_: ask(open_, _REMOTE / "state.py", "state")
            )
        except Unreachable:
            return None
        return host_state(told)

    def unpack(self, machine: Machine, distribution: str, tarball: Path, epoch: int) -> None:
        """The tarball lies unpacked under /opt/kafka/<distribution>; nothing is sent twice.

        EffectFailed when the host is another instance's or was changed by a newer operation; a
        host without a marker carries ours afterwards.
        """
        claim = {"state": CONFIG, "owner": self._owner, "epoch": epoch}

        def put(connection: Connection) -> None:
            ask(connection, CLAIM, "claim", **claim)
            if unpacking.present(connection, distribution) != tarball.name:
                unpacking.put(connection, distribution, tarball)

        self._must(machine, put)

    def deliver(
        self,
        machine: Machine,
        epoch: int,
        files: Iterable[HostFile],
        loaded: Mapping[str, str],
    ) -> tuple[str, ...]:
        """These files lie on the host, all others stay; units have loaded the files named.

        Answers what had to be done. The same as by a play of the same files, which then finds
        nothing to change. EffectFailed when the host is not ours, or a newer operation's.
        """
        claim = {"state": CONFIG, "owner": self._owner, "epoch": epoch}
        # What is loaded now is loaded at boot too, as by a play.
        units = {"loaded": dict(loaded), "enabled": list(loaded)} if loaded else {}
        asked = delivery(claim, files, units)
        return tuple(self._must(machine, lambda open_: ask_in_turn(open_, asked)))

    def stop_kafka(self, machine: Machine, epoch: int) -> None:
        """Kafka was asked to stop; nobody waits for it, and it is never killed."""
        self._change(machine, epoch, "stop", unit=KAFKA_UNIT)

    def start_kafka(self, machine: Machine, epoch: int, generation: int) -> bool:
        """Kafka runs; True when it had to be started, which the host notes as `generation`."""
        given = {"state": CONFIG, "unit": KAFKA_UNIT, "generation": generation}
        return bool(self._change(machine, epoch, "start", **given))

    def finish_kafka(self, machine: Machine, epoch: int) -> tuple[int, ...]:
        """What still runs of a broker that stops; it was ended if it had closed all its logs.

        The host waits for it for a moment before it says that something does.
        """
        given = {"unit": KAFKA_UNIT, "root": TOPICS, "seconds": STOPPING_SECONDS}
        return tuple(self._change(machine, epoch, "finish", **given))

    def hold(self, machine: Machine, epoch: int, hold: Hold) -> None:
        """Nobody gets in at these ports until their time is over, counted from now."""
        self._change(machine, epoch, "hold", **{**vars(hold), "ports": list(hold.ports)})

    def let_in(self, machine: Machine, epoch: int, table: str, way: str = HELD) -> None:
        """No port is held any more in this way."""
        self._change(machine, epoch, "let_in", table=table, way=way)

    def ways(self, machine: Machine, table: str) -> HostWays:
        """How clients come in, by this table of nftables and by what the broker starts with."""
        given = {"table": table, "path": SERVER_PROPERTIES, "keys": list(FILE_KEYS)}
        source = _REMOTE / "ways.py"
        return host_ways(self._must(machine, lambda open_: ask(open_, source, "ways", **given)))

    def load_firewall(self, machine: Machine, epoch: int) -> None:
        """The kernel filters as the host's file says, whatever it did before."""
        self._change(machine, epoch, "load", unit=FIREWALL_UNIT)

    def partition_bytes(self, machine: Machine, partitions: Sequence[str]) -> tuple[int, ...]:
        """What each partition (`topic-number`) takes on the disk; 0 for one that is not there."""
        given = {"root": TOPICS, "partitions": list(partitions)}
        return tuple(self._must(machine, lambda open_: ask(open_, BROKER, "sizes", **given)))

    def clients(self, machine: Machine) -> tuple[SeenClient, ...]:
        """Who asked the broker for something in the last ten minutes; it must run."""
        told = self._must(
            machine,
            lambda open_: ask(open_, _REMOTE / "clients.py", "clients", port=JOLOKIA_PORT),
        )
        return tuple(seen_client(line) for line in told)

    def tunnel(self, machine: Machine, port: int) -> HostTunnel:
        """The way to a port of the machine's own address; its firewall lets itself in."""
        return HostTunnel(self._connections, machine, port)

    def logs(
        self, machine: Machine, unit: str, since: str, follow: bool
    ) -> Generator[str, None, None]:
        """Lines of the unit's journal; with `follow` until the iterator is closed."""
        connection = self._must(machine, _checked)
        try:
            yield from journal.lines(connection, unit, since, follow)
        except Unreachable as error:
            raise EffectFailed(str(error)) from None

    def _change(self, machine: Machine, epoch: int, verb: str, **given: Any) -> Any:
        """Does it as an operation whose number the host accepts; safe to be done twice."""

        def change(connection: Connection) -> Any:
            claimed = {"state": CONFIG, "owner": self._owner, "epoch": epoch}
            return ask_in_turn(connection, Call(CLAIM, "claim", claimed), Call(BROKER, verb, given))

        return self._must(machine, change)

    def _must(self, machine: Machine, question: Callable[[Connection], Any]) -> Any:
        try:
            return self._connections.ask(machine, question)
        except Unreachable as error:
            raise EffectFailed(str(error)) from None


def _checked(connection: Connection) -> Connection:
    """The connection, proved to be alive."""
    connection.run("true", limit=5)
    return connection
