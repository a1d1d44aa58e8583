"""Leaves: what is asked for is what the certificate says, and clients accept exactly that."""

import ssl
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.authority import Authority, new_authority
from certs.errors import CertificateError
from certs.facts import describe
from certs.leaf import Leaf, LeafRequest, issue

NOW = datetime.now(UTC).replace(microsecond=0)
AUTHORITY = new_authority("clients", "k3x9q2ab-f00d", 1, NOW - timedelta(days=1))
BROKER = LeafRequest("broker", "k3x9q2ab-f00d", ("127.0.0.1",), (), server=True, client=False)

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9_-]{0,63}", fullmatch=True)
ORGANIZATIONS = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}", fullmatch=True)
ADDRESSES = st.ip_addresses(v=4, network="10.0.0.0/8").map(str)
HOSTS = st.from_regex(r"[a-z][a-z0-9]{0,9}(\.[a-z][a-z0-9]{0,9}){0,3}", fullmatch=True)


@st.composite
def requests(draw: st.DrawFn) -> LeafRequest:
    addresses = tuple(draw(st.lists(ADDRESSES, max_size=4, unique=True)))
    hosts = tuple(draw(st.lists(HOSTS, min_size=0 if addresses else 1, max_size=4, unique=True)))
    server, client = draw(st.sampled_from([(True, True), (True, False), (False, True)]))
    return LeafRequest(draw(NAMES), draw(ORGANIZATIONS), addresses, hosts, server, client)


@settings(deadline=None)
@given(requests(), st.integers(min_value=1, max_value=3000))
def test_a_certificate_says_what_was_asked_for(request: LeafRequest, days: int) -> None:
    leaf = issue(AUTHORITY, request, NOW, days)
    facts = describe(leaf.certificate_pem)
    assert facts.subject == f"CN={request.common_name},O={request.organization}"
    assert facts.issuer == "CN=k3x9q2ab-f00d clients CA g1,O=k3x9q2ab-f00d"
    assert (facts.ip_addresses, facts.dns_names) == (request.ip_addresses, request.dns_names)
    assert facts.not_before == NOW - timedelta(hours=1)
    assert facts.not_after == NOW + timedelta(days=days)
    assert not facts.is_authority
    assert leaf.chain == ()


@settings(deadline=None)
@given(requests())
def test_its_chain_verifies_and_names_the_authoritys_key(request: LeafRequest) -> None:
    issuer = x509.load_pem_x509_certificate(AUTHORITY.certificate_pem)
    leaf = x509.load_pem_x509_certificate(issue(AUTHORITY, request, NOW, 1).certificate_pem)
    leaf.verify_directly_issued_by(issuer)
    named = leaf.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    there = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    assert named.key_identifier == there.digest


@settings(deadline=None)
@given(requests())
def test_it_is_good_for_what_was_asked_only(request: LeafRequest) -> None:
    leaf = x509.load_pem_x509_certificate(issue(AUTHORITY, request, NOW, 1).certificate_pem)
    uses = leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    usage = leaf.extensions.get_extension_for_class(x509.KeyUsage)
    assert (ExtendedKeyUsageOID.SERVER_AUTH in uses) == request.server
    assert (ExtendedKeyUsageOID.CLIENT_AUTH in uses) == request.client
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign


def test_no_two_certificates_have_the_same_serial_or_key() -> None:
    leaves = [issue(AUTHORITY, BROKER, NOW, 1) for _ in range(50)]
    assert len({describe(leaf.certificate_pem).serial for leaf in leaves}) == 50
    assert len({leaf.key_pem for leaf in leaves}) == 50


def test_a_name_given_twice_stands_there_once() -> None:
    request = replace(BROKER, ip_addresses=("10.0.0.1", "10.0.0.1"), dns_names=("a", "b", "a"))
    facts = describe(issue(AUTHORITY, request, NOW, 1).certificate_pem)
    assert (facts.ip_addresses, facts.dns_names) == (("10.0.0.1",), ("a", "b"))


def test_a_clients_certificate_needs_no_address() -> None:
    request = LeafRequest("alice", "org", (), (), server=False, client=True)
    facts = describe(issue(AUTHORITY, request, NOW, 1).certificate_pem)
    assert (facts.ip_addresses, facts.dns_names) == ((), ())


def test_it_does_not_show_its_key() -> None:
    leaf = issue(AUTHORITY, BROKER, NOW, 1)
    assert "PRIVATE KEY" not in repr(leaf)
    assert leaf.key_pem.startswith(b"-----BEGIN PRIVATE KEY-----")


def test_it_does_not_begin_before_its_authority() -> None:
    young = new_authority("clients", "org", 1, NOW)
    clock_set_back = NOW - timedelta(minutes=10)
    facts = describe(issue(young, BROKER, clock_set_back, 1).certificate_pem)
    assert facts.not_before == describe(young.certificate_pem).not_before


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (
            {"ip_addresses": (), "dns_names": ()},
            "ip_addresses and dns_names: a server's certificate needs at least one name.",
        ),
        ({"server": False}, "server and client: accepted is at least one of the two."),
        (
            {"ip_addresses": ("10.0.0.1", "fe80::1")},
            "ip_addresses 'fe80::1': accepted is the IPv4 address of a host, such as 10.0.0.1.",
        ),
        (
            {"dns_names": ("a_b",)},
            "dns_names 'a_b': accepted is a host name of at most 253 letters, digits, '-' and "
            "'.', such as broker-1.example.com.",
        ),
        (
            {"common_name": "a b"},
            "common_name 'a b': accepted are 1-64 letters, digits, '-' and '_', starting with a "
            "letter or '_'.",
        ),
        (
            {"organization": "a,b"},
            "organization 'a,b': accepted are 1-40 letters, digits, '-' and '_', starting with a "
            "letter or digit.",
        ),
    ],
)
def test_a_request_that_no_authority_could_fulfil_is_refused(
    change: dict[str, object], sentence: str
) -> None:
    wish = {**BROKER.__dict__, **change}
    with pytest.raises(CertificateError) as refusal:
        LeafRequest(**wish)
    assert str(refusal.value) == sentence


def test_it_may_not_outlive_its_authority() -> None:
    authority = new_authority("clients", "org", 1, NOW, years=1)
    issue(authority, BROKER, NOW, 365)
    with pytest.raises(CertificateError) as refusal:
        issue(authority, BROKER, NOW, 366)
    assert str(refusal.value) == (
        "days 366: accepted is at most 365, the rest of the authority's life."
    )


@pytest.mark.parametrize("days", [-2, 3651])
def test_an_authority_signs_only_while_it_holds(days: int) -> None:
    then = NOW + timedelta(days=days)
    with pytest.raises(CertificateError, match=r"accepted is a time at which the authority holds"):
        issue(AUTHORITY, BROKER, then, 1)


def test_a_strict_client_accepts_it_under_its_own_name_only(tmp_path: Path) -> None:
    leaf = issue(AUTHORITY, BROKER, NOW, 1)
    assert handshake(leaf, AUTHORITY, "127.0.0.1", tmp_path) is None
    assert "IP address mismatch" in str(handshake(leaf, AUTHORITY, "127.0.0.2", tmp_path))


def test_a_client_refuses_what_another_authority_signed(tmp_path: Path) -> None:
    other = new_authority("clients", "k3x9q2ab-f00d", 1, NOW)
    refusal = handshake(issue(AUTHORITY, BROKER, NOW, 1), other, "127.0.0.1", tmp_path)
    assert "certificate verify failed" in str(refusal)


def handshake(leaf: Leaf, trusted: Authority, name: str, directory: Path) -> ssl.SSLError | None:
    """What a strict client says against a server with this leaf; None when it is content."""
    identity = directory / "identity.pem"
    identity.write_bytes(leaf.certificate_pem + leaf.key_pem)
    of_server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    of_server.load_cert_chain(identity)
    of_client = ssl.create_default_context(cadata=trusted.certificate_pem.decode())
    of_client.verify_flags |= ssl.VERIFY_X509_STRICT
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = of_server.wrap_bio(to_server, to_client, server_side=True)
    client = of_client.wrap_bio(to_client, to_server, server_hostname=name)
    for side in (client, server, client):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
        except ssl.SSLError as refusal:
            return refusal
    return None
