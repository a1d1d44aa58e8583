"""What people are handed of one instance: logs, the first user's password, the client bundle."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from queue import SimpleQueue
from threading import Thread
from typing import cast

from certs.bundle import BundleRequest, client_bundle
from certs.client_settings import Mechanism, SaslSsl
from flows.adapters.secrets.kept import authority_name, read_authority
from flows.adapters.site import Doors, InstanceRow
from flows.domain.cluster import PROBE_TOPIC, RoundTrip
from flows.domain.errors import EffectFailed, Refused, refusal
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import ListenerName
from flows.domain.operations import Trace
from flows.doors.asker import Asker
from flows.steps.observation import remembered
from flows.steps.proof import MESSAGES_PER_PARTITION

PASSWORD = "first-user-password"
UNITS = {"kafka": "kafka.service", "zookeeper": "zookeeper.service"}

_SPAN = re.compile(r"\d+[smhd]\Z")


def credentials(doors: Doors, name: str, asker: Asker) -> dict[str, str]:
    """The first user and its password; a trace says who was told."""
    row = living(doors, name)
    user = _first_user(row)
    password = doors.secrets.get(row.id, PASSWORD)
    if password is None:
        raise EffectFailed(f"instance {row.wish.name}: its first user has no password yet")
    doors.records.trace(
        Trace(
            name="showDMSInstanceCredentialsSuccess",
            who=asker.name,
            door=asker.door,
            resource=row.id,
            parameters={"user": user},
            result="the password was shown",
        )
    )
    return {"user": user, "password": password}


def bundle(doors: Doors, name: str) -> Mapping[str, bytes]:
    """The files of the client bundle, by their path in it; no password is among them."""
    row = living(doors, name)
    addresses = remembered(doors, row).addresses(ListenerName.PRIVATE)
    if addresses is None:
        raise EffectFailed(f"instance {row.wish.name}: it has no addresses yet ({row.status})")
    return client_bundle(BundleRequest(row.wish.name, addresses, _security(doors, row)))


def prove(doors: Doors, name: str) -> RoundTrip:
    """Messages went by acks=all through the clients' listener of every broker, and came back."""
    instance = remembered(doors, living(doors, name))
    trip = doors.kafka.round_trip(instance, PROBE_TOPIC, MESSAGES_PER_PARTITION)
    if trip.received != trip.sent:
        raise EffectFailed(
            f"{name}: {trip.sent} messages were acknowledged and {trip.received} came back"
        )
    return trip


def logs(doors: Doors, name: str, broker: int | None, wish: tuple[str, str, bool]) -> Iterator[str]:
    """Lines of a unit's journal on one broker or all; `wish` is unit, since and follow."""
    unit, since, follow = wish
    if unit not in UNITS:
        raise refusal("unit", unit, f"accepted are {', '.join(UNITS)}")
    instance = remembered(doors, living(doors, name))
    chosen = _brokers(instance, broker, unit)
    hosts = doors.hosts(instance.id)
    moment = f"{since} ago" if _SPAN.match(since) else since
    sources = {
        each.id: hosts.logs(each.machine, UNITS[unit], moment, follow)
        for each in chosen
        if each.machine is not None
    }
    if len(sources) == 1:
        yield from next(iter(sources.values()))
    elif follow:
        yield from _as_they_come(sources)
    else:
        yield from _one_after_the_other(sources)


def living(doors: Doors, name: str) -> InstanceRow:
    """The living instance of that name or id; Refused, naming all, when there is none."""
    row = doors.records.find(name)
    if row is None:
        known = ", ".join(each.wish.name for each in doors.records.living()) or "none yet"
        raise refusal("instance", name, f"there is none of this name or id; there are: {known}")
    return row


def _first_user(row: InstanceRow) -> str:
    if row.wish.first_user is None:
        raise Refused(f"instance {row.wish.name}: it has no users, because SASL_SSL is off")
    return row.wish.first_user


def _security(doors: Doors, row: InstanceRow) -> SaslSsl | None:
    if not row.wish.sasl_ssl:
        return None
    kept = doors.secrets.get(row.id, authority_name("clients"))
    if kept is None:
        raise EffectFailed(f"instance {row.wish.name}: its certificates have not been made yet")
    authority = read_authority(kept)
    mechanisms = cast(tuple[Mechanism, ...], row.wish.mechanisms)
    return SaslSsl(_first_user(row), mechanisms, (authority.certificate_pem,))


def _brokers(instance: Instance, number: int | None, unit: str) -> Sequence[Broker]:
    among = instance.ensemble if unit == "zookeeper" else instance.brokers
    chosen = [each for each in among if number in (None, each.id)]
    if not chosen:
        accepted = ", ".join(str(each.id) for each in among)
        raise refusal("broker", number, f"accepted for {unit} are {accepted}")
    if not any(each.machine for each in chosen):
        raise EffectFailed(f"instance {instance.name}: it has no machines yet")
    return chosen


def _one_after_the_other(sources: Mapping[int, Iterator[str]]) -> Iterator[str]:
    for broker, lines in sources.items():
        for line in lines:
            yield f"broker {broker}: {line}"


def _as_they_come(sources: Mapping[int, Iterator[str]]) -> Iterator[str]:
    """Lines of several brokers, mixed as they arrive, each with its broker in front."""
    arrived: SimpleQueue[str | BaseException | None] = SimpleQueue()
    for broker, lines in sources.items():
        Thread(target=_pour, args=(broker, lines, arrived), daemon=True).start()
    open_sources = len(sources)
    while open_sources:
        line = arrived.get()
        if line is None:
            open_sources -= 1
        elif isinstance(line, BaseException):
            raise line
        else:
            yield line


def _pour(broker: int, lines: Iterator[str], into: SimpleQueue[str | BaseException | None]) -> None:
    try:
        for line in lines:
            into.put(f"broker {broker}: {line}")
    except BaseException as error:
        into.put(error)
    into.put(None)
