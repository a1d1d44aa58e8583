"""A user's own certificate: the rules that hold before it is shown to any client (SPEC 2.4).

What stands in the stores themselves is read and checked by `certs.uploads`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from enum import StrEnum
from ipaddress import ip_address
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from flows.domain.choices import choice
from flows.domain.creation import SecretReference
from flows.domain.errors import Refused, refusal
from flows.domain.instance import Instance
from flows.domain.names import is_common_password
from flows.domain.rolling import RollRequest
from flows.domain.uploaded import UploadFacts

STORES = ("keystore", "truststore")
"""Fields of a request that hold a store: a Secret block in base64, or `file:NAME`."""
PASSWORDS = ("keystore_password", "truststore_password")
UPLOAD_FIELDS = (*STORES, *PASSWORDS)

SPECIAL = frozenset("~!@#$%^&*()-_+=\\|[]{}:'\",<.>/?`")


class Source(StrEnum):
    """Where the certificates come from that clients are to see."""

    GENERATED = "generated"
    UPLOAD = "upload"


class UploadRequest(RollRequest):
    """A request for certificates that can be a user's own; brokers may restart for those."""

    secret_fields: ClassVar[tuple[str, ...]] = UPLOAD_FIELDS
    upload_fields: ClassVar[tuple[str, ...]] = STORES
    observed_secrets: ClassVar[tuple[str, ...]] = UPLOAD_FIELDS

    source: Annotated[Source, choice(Source, "source")] = Field(
        default=Source.GENERATED,
        title="Source",
        description="generated: signed by the instance's own authority; upload: your own key "
        "store and trust store, for every client listener of every broker.",
    )
    keystore: SecretReference = Field(
        default=None,
        title="Key store",
        description="Your server.keystore.jks (JKS or PKCS#12, at most 100 KB): a Secret block "
        "with the file in base64, or file:NAME of the directory uploads in FLEET_HOME.",
    )
    keystore_password: SecretReference = Field(
        default=None,
        title="Key store's password",
        description="A Secret block: 8 to 32 characters, three of letters, digits, spaces and "
        "special characters. The key has the same.",
    )
    truststore: SecretReference = Field(
        default=None,
        title="Trust store",
        description="Your server.truststore.jks, with the authorities that clients trust; given "
        "like the key store.",
    )
    truststore_password: SecretReference = Field(
        default=None,
        title="Trust store's password",
        description="A Secret block; the same rules.",
    )
    accept_san_gap: bool = Field(
        default=False,
        title="Accept a missing name",
        description="Upload a certificate although it lacks an address that clients use; clients "
        "that check names refuse the brokers there.",
    )
    accept_client_break: bool = Field(
        default=False,
        title="Accept that clients break",
        description="Leave a user's own authority although clients that trust only that one are "
        "refused at once: its key is not here, so it cannot sign its successor.",
    )

    @model_validator(mode="after")
    def _whole(self) -> Self:
        given = {name: getattr(self, name) for name in UPLOAD_FIELDS}
        check_upload_fields(given, wanted=self.source is Source.UPLOAD)
        if self.accept_san_gap and self.source is not Source.UPLOAD:
            raise refusal("accept_san_gap", True, "accepted with source upload only")
        return self

    def check_secrets(self, secrets: Mapping[str, str]) -> None:
        """Refuses passwords that break SPEC 2.4."""
        for field in PASSWORDS:
            if field in secrets:
                check_store_password(field, secrets[field])


def check_upload_fields(given: Mapping[str, object], *, wanted: bool) -> None:
    """Refuses an upload that lacks a part, and parts of one where none is wanted."""
    for name in UPLOAD_FIELDS:
        if wanted and not given.get(name):
            raise Refused(f"{name}: it is required with source upload")
        if not wanted and given.get(name):
            raise refusal(name, "(not shown)", "accepted with source upload only")


def check_store_password(field: str, password: str) -> None:
    """Refuses a password that breaks SPEC 2.4; the sentence never holds the password itself."""
    for broken, rule in _password_rules(password):
        if broken:
            raise refusal(field, "(not shown)", rule)


def names_in_use(instance: Instance) -> tuple[str, ...]:
    """Every address and name by which clients are told to come, over all brokers."""
    told = (
        listener.advertised_host
        for broker in instance.brokers
        for listener in instance.listeners(broker)
        if listener.for_clients and listener.secured
    )
    return tuple(dict.fromkeys(told))


def missing_names(named: Iterable[str], hosts: Iterable[str]) -> tuple[str, ...]:
    """Those of the hosts that a certificate of these names is not for.

    `*.example.com` is for `broker-1.example.com`, and for nothing of another depth (RFC 6125,
    6.4.3). An address is named by an address only.
    """
    known = tuple(named)
    return tuple(host for host in hosts if not any(_names(each, host) for each in known))


def check_names(facts: UploadFacts, instance: Instance, *, accept_san_gap: bool) -> tuple[str, ...]:
    """The names in use that the certificate lacks; Refused unless that is accepted."""
    gap = missing_names(facts.names, names_in_use(instance))
    if gap and not accept_san_gap:
        named = ", ".join(facts.names) or "no name at all"
        raise Refused(
            f"keystore: its certificate is for {named}, and clients come by {', '.join(gap)} too; "
            "accepted is one for every address in use, or accept_san_gap=true, and then clients "
            "that check names refuse the brokers there"
        )
    return gap


def check_same_upload(begun: UploadFacts | None, brought: UploadFacts | None) -> None:
    """Refuses another upload than the one that a replacement, which was cut off, has begun with.

    Some brokers serve that one already, and stores of it lie under the number of the replacement.
    """
    if begun is None or brought is None or _says(begun) == _says(brought):
        return
    raise Refused(
        f"keystore: a replacement by the certificate {begun.subject} (SHA-256 {begun.sha256[:16]}) "
        f"was begun and is not finished, and this one is {brought.subject} "
        f"({brought.sha256[:16]}); accepted is the same upload again, and any other once that one "
        "is served"
    )


def clients_broken(facts: UploadFacts, present: UploadFacts | None) -> bool:
    """Whether clients that trust what the present upload's clients trust refuse the new one.

    A user's authority cannot sign its successor here, because its key is the user's.
    """
    return present is not None and not set(present.trusted) & set(facts.trusted)


def _says(facts: UploadFacts) -> tuple[str, frozenset[str]]:
    return facts.sha256, frozenset(facts.trusted)


def _names(name: str, host: str) -> bool:
    if _is_address(host):
        return name == host
    name, host = name.lower(), host.lower()
    if name.startswith("*."):
        label, _, rest = host.partition(".")
        return bool(label) and rest == name.removeprefix("*.")
    return name == host


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _password_rules(password: str) -> Iterator[tuple[bool, str]]:
    yield not 8 <= len(password) <= 32, "8 to 32 characters are accepted"
    yield (
        not (password.isascii() and password.isprintable()),
        "only printable ASCII characters are accepted",
    )
    yield password.startswith("-"), "it may not start with -"
    yield (
        _kinds(password) < 3,
        "at least three of letters, digits, spaces and special characters are needed; accepted as "
        f"special are {''.join(sorted(SPECIAL))}",
    )
    yield (
        is_common_password(password),
        "it is too weak, a common password in disguise; choose another",
    )


def _kinds(password: str) -> int:
    tests = (str.isalpha, str.isdigit, lambda each: each == " ", SPECIAL.__contains__)
    return sum(any(test(each) for each in password) for test in tests)
