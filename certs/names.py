"""Names: subjects as Kafka spells them, and the names that a server answers to.

Every accepted subject value consists of characters that RFC 2253 never escapes, so that the
principal which Kafka derives from a subject is exactly what `subject` promises.
"""

import re
from ipaddress import IPv4Address

from cryptography import x509
from cryptography.x509.oid import NameOID

from certs.errors import CertificateError

_COMMON_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,63}")
_ORGANIZATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LABEL = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")


def subject(common_name: str, organization: str) -> x509.Name:
    """The subject whose principal is `CN=<common_name>,O=<organization>`.

    RFC 2253 writes the last attribute of a name first, so the organization comes first here.
    """
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def check_common_name(field: str, value: str) -> None:
    """Return when the value can be a certificate's common name, else raise CertificateError."""
    if not _COMMON_NAME.fullmatch(value):
        raise CertificateError(
            f"{field} {value!r}: accepted are 1-64 letters, digits, '-' and '_', "
            "starting with a letter or '_'."
        )


def check_organization(value: str) -> None:
    """Return when the value can be a certificate's organization, else raise CertificateError."""
    if not _ORGANIZATION.fullmatch(value):
        raise CertificateError(
            f"organization {value!r}: accepted are 1-40 letters, digits, '-' and '_', "
            "starting with a letter or digit."
        )


def check_ip_address(value: str) -> None:
    """Return when the value is the IPv4 address of one host, else raise CertificateError."""
    if not is_host_address(value):
        raise CertificateError(
            f"ip_addresses {value!r}: accepted is the IPv4 address of a host, such as 10.0.0.1."
        )


def check_dns_name(value: str) -> None:
    """Return when the value is a host name, else raise CertificateError."""
    if not is_host_name(value):
        raise CertificateError(
            f"dns_names {value!r}: accepted is a host name of at most 253 letters, digits, '-' "
            "and '.', such as broker-1.example.com."
        )


def check_bootstrap(value: str) -> None:
    """Return when the value is `host:port,host:port,...`, else raise CertificateError."""
    for address in value.split(","):
        host, _, port = address.rpartition(":")
        named = is_host_address(host) or is_host_name(host)
        if not (named and _PORT.fullmatch(port) and int(port) <= 65535):
            raise CertificateError(
                f"bootstrap {value!r}: accepted are addresses such as 10.0.0.1:9093, separated by "
                f"commas, and {address!r} is none."
            )


def is_host_address(value: str) -> bool:
    """Whether the value is a dotted IPv4 address that a single host can have."""
    try:
        address = IPv4Address(value)
    except ValueError:
        return False
    return not (address.is_unspecified or address.is_multicast)


def is_host_name(value: str) -> bool:
    """Whether the value is a host name (RFC 1123), and no address: its last label has a letter."""
    labels = value.split(".")
    return (
        len(value) <= 253
        and all(_LABEL.fullmatch(label) for label in labels)
        and not labels[-1].isdigit()
    )
