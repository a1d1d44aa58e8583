"""`fleet certificates`: what every broker serves now, which phase it is in, and when it ends."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import TypedDict

from certs.authority import Kind
from flows.adapters.secrets.kept import certificates as numbers_of
from flows.adapters.site import Doors
from flows.adapters.tls.seen import Sight, seen_certificates
from flows.domain.certificates import Certificates
from flows.domain.expiry import SeenCertificate
from flows.domain.instance import Instance
from flows.domain.kept_names import kept_sentence
from flows.queries.bundle import present_version
from flows.queries.lookup import living, placed


class SideView(TypedDict):
    """Who signs what one side sees: `clients`, or `internal` (brokers and the product)."""

    side: str
    authority: int
    own: bool
    trusted: list[int]
    overlap_until: str | None
    phase: str


class SeenLine(TypedDict):
    """A certificate that is served or kept; without an answer only `silence` says anything."""

    name: str
    urgency: str
    expires: str | None
    days_left: int | None
    serial: str
    subject: str
    issuer: str
    renewal: str
    silence: str


class CertificatesView(TypedDict):
    """The answer of `fleet certificates NAME --json`."""

    instance: str
    observed: str
    bundle: int
    """Version of the bundle that clients should have; its README names it."""
    sides: list[SideView]
    certificates: list[SeenLine]
    kept_names: str
    """Which names certificates keep that clients come by no more, and until when; may be empty."""


def certificates(doors: Doors, name: str) -> CertificatesView:
    """Every listener of the living instance is asked now; nothing is changed."""
    row, now = living(doors.records, name), doors.clock.now()
    provider = doors.provider(row.wish.provider)
    instance = replace(
        placed(doors.records, name),
        control_address=provider.control_address(),
        client_network=provider.client_network(),
    )
    sight = Sight(doors.secrets, doors.tls, doors.hosts(row.id))
    seen = seen_certificates(sight, instance)
    return CertificatesView(
        instance=row.wish.name,
        observed=now.isoformat(),
        bundle=present_version(doors.records, row.id),
        sides=[_side(instance, kind) for kind in _kinds(instance)],
        certificates=[_line(each, now) for each in seen],
        kept_names=kept_sentence(instance) or "",
    )


def _kinds(instance: Instance) -> tuple[Kind, ...]:
    return ("clients", "internal") if instance.wish.sasl_ssl else ("internal",)


def _side(instance: Instance, kind: Kind) -> SideView:
    numbers = numbers_of(instance.wish, kind)
    until = numbers.overlap_until
    return SideView(
        side=kind,
        authority=numbers.authority,
        own=numbers.authority in numbers.uploaded,
        trusted=list(numbers.trusted),
        overlap_until=until.isoformat() if until else None,
        phase=_phase(numbers) if kind == "clients" else _internal_phase(numbers),
    )


def _phase(numbers: Certificates) -> str:
    whose = "a user's own" if numbers.authority in numbers.uploaded else "the instance's own"
    if not numbers.overlaps:
        return f"authority {numbers.authority}, {whose}; no other is trusted"
    old = " and ".join(str(each) for each in numbers.trusted if each != numbers.authority)
    until = f" until {numbers.overlap_until:%Y-%m-%d %H:%M} UTC" if numbers.overlap_until else ""
    crossed = (
        f"which authority {numbers.crossed} signs too"
        if numbers.crossed
        else "which no old authority signs: clients that trust only the old one are refused"
    )
    return (
        f"authority {numbers.authority}, {whose}, {crossed}; authority {old} may be trusted{until}"
    )


def _internal_phase(numbers: Certificates) -> str:
    if not numbers.overlaps:
        return _phase(numbers)
    trusted = " and ".join(map(str, numbers.trusted))
    return (
        f"authority {numbers.authority}, the instance's own; brokers and the product trust "
        f"{trusted} until rotate-internal-authority has come to its end"
    )


def _line(seen: SeenCertificate, now: datetime) -> SeenLine:
    return SeenLine(
        name=seen.name,
        urgency="silent" if seen.silence else seen.urgency(now).value,
        expires=seen.expires.isoformat() if seen.expires else None,
        days_left=(seen.expires - now).days if seen.expires else None,
        serial=seen.serial,
        subject=seen.subject,
        issuer=seen.issuer,
        renewal=seen.renewal.value,
        silence=seen.silence,
    )
