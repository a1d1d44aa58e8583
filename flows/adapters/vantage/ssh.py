"""A vantage that is reached by SSH: one round trip, in which every address is asked at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from flows.adapters.hosts.asking import ask
from flows.adapters.hosts.connection import Unreachable
from flows.adapters.hosts.connections import Connections
from flows.adapters.kafka.connection import Credentials
from flows.domain.errors import EffectFailed
from flows.domain.instance import Instance, Machine
from flows.domain.vantage import Address, Answer, Network, Stage

_CLIENT = Path(__file__).parent / "remote/client.py"


@dataclass(frozen=True)
class Login:
    """What a client shows: a name and password, or a certificate; and whom it trusts (PEM).

    It goes to the vantage through the standard input of one process and is written nowhere.
    """

    authorities: str = ""
    mechanism: str = "SCRAM-SHA-512"
    user: str = ""
    password: str = field(default="", repr=False)
    certificate: str = ""
    key: str = field(default="", repr=False)
    check_names: bool = True
    """False where a user's own certificate lacks names that clients use, which was accepted."""


def login_of(credentials: Credentials) -> Login:
    """The probe's user, who may do what every user may, and its certificate where one is shown."""
    return Login(
        authorities=credentials.clients_ca_pem or "",
        user=credentials.probe_user,
        password=credentials.probe_password or "",
        certificate=credentials.probe_certificate_pem or "",
        key=credentials.probe_key_pem or "",
        check_names=credentials.clients_names_checked,
    )


@dataclass(frozen=True)
class SshVantage:
    """Implements `Vantage`; `machine` is the host as SSH reaches it, any user will do there.

    Its connection stays open, since a proof asks several times: `connections` keeps it.
    """

    network: Network
    machine: Machine
    connections: Connections = field(repr=False)
    login: Callable[[Instance], Login] = field(repr=False)

    @property
    def words(self) -> str:
        """The vantage for sentences."""
        return f"vantage {self.machine.name} ({self.machine.address})"

    def ask(self, instance: Instance, addresses: Sequence[Address]) -> tuple[Answer, ...]:
        """What answers at each address, in their order; EffectFailed when nobody can look."""
        if not addresses:
            return ()
        asked = [_question(instance, address) for address in addresses]
        login = asdict(self.login(instance))
        try:
            told = self.connections.ask(
                self.machine,
                lambda open_: ask(open_, _CLIENT, "look", addresses=asked, login=login),
            )
        except Unreachable as error:
            raise EffectFailed(f"{self.words}: {error}") from None
        return tuple(_answer(*pair) for pair in zip(addresses, told, strict=True))


def _question(instance: Instance, address: Address) -> dict[str, Any]:
    return {**asdict(address), "protocol": str(address.protocol), "instance": instance.id}


def _answer(address: Address, told: Mapping[str, Any]) -> Answer:
    return Answer(
        address=address,
        stage=Stage(told["stage"]),
        reason=told["reason"],
        resolved=tuple(told["resolved"]),
        answered_by=told.get("answered_by"),
        instance=told.get("instance"),
        advertised=tuple((broker, where) for broker, where in told.get("advertised", ())),
        served=tuple(told.get("served", ())),
        whole=told.get("whole", True),
    )
