"""Which instance a request for other addresses is about, and what the world says against it."""

from __future__ import annotations

from flows.domain.access import ANYONE
from flows.domain.client_sources import DEFAULT, SetSecurityGroup
from flows.domain.endpoints import SetEndpoints
from flows.domain.errors import refusal
from flows.domain.listeners import CROSS_PORT
from flows.domain.public_access import SetPublicAccess
from flows.domain.security_groups import lets_through
from flows.domain.translating import SetDnat
from flows.domain.vantage import Network
from flows.domain.wish import Wish
from flows.procedures.addresses import (
    Way,
    check_eips_free,
    check_groups,
    check_of_nobody_else,
    check_vantage,
    foreign_groups,
)
from flows.procedures.operation import Subject
from flows.procedures.subjects import living
from flows.steps.site import Doors


def to_set_endpoints(doors: Doors, request: SetEndpoints) -> Subject:
    """The living instance; Refused when nobody can look from the network of the endpoints."""
    subject = living(doors, request)
    if request.route is not None:
        check_vantage(doors, subject.row, Network.ENDPOINT, unproved=request.unproved)
        check_of_nobody_else(doors, subject.row, "addresses", request.addresses)
        sources = (subject.row.wish.access.endpoint_network,)
        asked = ",".join(request.addresses)
        check_groups(doors, subject.row, Way("addresses", asked, CROSS_PORT, sources))
    return subject


def to_set_public_access(doors: Doors, request: SetPublicAccess) -> Subject:
    """The living instance; Refused for an EIP that is somebody else's, or that nobody can prove."""
    subject = living(doors, request)
    if request.wished:
        check_eips_free(doors, subject.row, "eips", request.wished)
        check_of_nobody_else(doors, subject.row, "eips", request.wished)
        check_vantage(doors, subject.row, Network.OUTSIDE, unproved=request.unproved)
        wish = subject.row.wish
        way = Way("eips", ",".join(request.wished), _ports(wish)[1],
                  wish.access.public_sources or (ANYONE,))  # fmt: skip
        check_groups(doors, subject.row, way)
    return subject


def to_set_dnat(doors: Doors, request: SetDnat) -> Subject:
    """The living instance; Refused for an EIP of another instance, or that nobody can prove."""
    subject = living(doors, request)
    check_of_nobody_else(doors, subject.row, "eips", request.eips)
    check_vantage(doors, subject.row, Network.OUTSIDE, unproved=request.unproved)
    check_groups(doors, subject.row, Way("eips", ",".join(request.eips), CROSS_PORT, (ANYONE,)))
    return subject


def to_set_security_group(doors: Doors, request: SetSecurityGroup) -> Subject:
    """The living instance; Refused for a source that an administrator's group keeps away."""
    subject = living(doors, request)
    ports = _ports(subject.row.wish)
    asked = (("private", request.private), ("public", request.public))
    for _, group, rules in foreign_groups(doors, subject.row):
        for port, (name, sources) in zip(ports, asked, strict=True):
            for source in sources:
                if source != DEFAULT and not lets_through(rules, source, port):
                    rule = f"the provider's security group {group} does not let it through to "
                    raise refusal(name, source, f"{rule}{port}; open it there first")
    return subject


def _ports(wish: Wish) -> tuple[int, int]:
    """Where clients inside the network and public ones come in."""
    return (9093, 9095) if wish.sasl_ssl else (9092, 9094)
