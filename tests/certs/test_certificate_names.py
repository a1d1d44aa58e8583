"""Which names are accepted in certificates, and how Kafka spells a subject."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.errors import CertificateError
from certs.names import (
    check_bootstrap,
    check_common_name,
    check_dns_name,
    check_ip_address,
    check_organization,
    subject,
)

WORD = string.ascii_letters + string.digits + "_-"


@settings(deadline=None)
@given(st.text(WORD, min_size=1, max_size=30), st.text(WORD, min_size=1, max_size=30))
def test_a_subject_is_spelled_like_kafkas_principal(name: str, organization: str) -> None:
    assert subject(name, organization).rfc4514_string() == f"CN={name},O={organization}"


@settings(deadline=None)
@given(st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,63}", fullmatch=True))
def test_a_user_name_is_a_common_name(name: str) -> None:
    check_common_name("user", name)


@pytest.mark.parametrize("name", ["", "1st", "a b", "a,O=x", "ä", "a" * 65, "a\n"])
def test_other_common_names_are_refused(name: str) -> None:
    with pytest.raises(CertificateError) as refusal:
        check_common_name("user", name)
    assert str(refusal.value) == (
        f"user {name!r}: accepted are 1-64 letters, digits, '-' and '_', starting with a letter "
        "or '_'."
    )


@pytest.mark.parametrize("name", ["", "-x", "a+b", "a" * 41])
def test_other_organizations_are_refused(name: str) -> None:
    with pytest.raises(CertificateError, match=r"^organization .*: accepted are 1-40 letters"):
        check_organization(name)


@settings(deadline=None)
@given(st.ip_addresses(v=4).filter(lambda ip: not (ip.is_multicast or ip.is_unspecified)))
def test_every_hosts_ipv4_address_is_accepted(address: object) -> None:
    check_ip_address(str(address))


@pytest.mark.parametrize(
    "address", ["", "10.0.0", "10.0.0.256", "010.0.0.1", "0.0.0.0", "224.0.0.1", "::1", "broker"]
)
def test_other_addresses_are_refused(address: str) -> None:
    with pytest.raises(CertificateError) as refusal:
        check_ip_address(address)
    assert str(refusal.value) == (
        f"ip_addresses {address!r}: accepted is the IPv4 address of a host, such as 10.0.0.1."
    )


@pytest.mark.parametrize("name", ["localhost", "broker-1.example.com", "3com.example", "a" * 63])
def test_host_names_are_accepted(name: str) -> None:
    check_dns_name(name)


@pytest.mark.parametrize(
    "name",
    [
        *("", "a b", "-a.example", "a-.example", "a..b", "a.", "*.example.com", "10.0.0.1"),
        "a" * 64,
        ".".join(["a" * 60] * 5),
    ],
)
def test_other_host_names_are_refused(name: str) -> None:
    with pytest.raises(CertificateError, match=r"^dns_names .*: accepted is a host name of at"):
        check_dns_name(name)


@pytest.mark.parametrize("value", ["10.0.0.1:9093", "10.0.0.1:1,broker-1.example.com:65535"])
def test_bootstrap_addresses_are_accepted(value: str) -> None:
    check_bootstrap(value)


@pytest.mark.parametrize(
    ("value", "bad"),
    [
        ("", ""),
        ("10.0.0.1", "10.0.0.1"),
        ("10.0.0.1:9093,", ""),
        ("10.0.0.1:9093, 10.0.0.2:9093", " 10.0.0.2:9093"),
        ("10.0.0.1:0", "10.0.0.1:0"),
        ("10.0.0.1:65536", "10.0.0.1:65536"),
        ('a":9093', 'a":9093'),
        ("[::1]:9093", "[::1]:9093"),
    ],
)
def test_other_bootstrap_addresses_are_refused(value: str, bad: str) -> None:
    with pytest.raises(CertificateError) as refusal:
        check_bootstrap(value)
    assert str(refusal.value) == (
        f"bootstrap {value!r}: accepted are addresses such as 10.0.0.1:9093, separated by commas, "
        f"and {bad!r} is none."
    )
