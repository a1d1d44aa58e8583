"""Authorities: what their certificates say, and who may sign."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)

from certs.authority import Authority, Kind, new_authority, signer_of
from certs.errors import CertificateError
from certs.facts import describe
from certs.leaf import LeafRequest, issue

NOW = datetime(2026, 2, 3, 4, 5, 6, 789, tzinfo=UTC)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return new_authority("clients", "k3x9q2ab-f00d", 1, NOW)


def test_every_kind_and_generation_has_a_subject_and_a_key_of_its_own() -> None:
    kinds: tuple[Kind, ...] = ("internal", "clients")
    made = [new_authority(kind, "org", generation, NOW) for kind in kinds for generation in (1, 2)]
    assert [describe(each.certificate_pem).subject for each in made] == [
        "CN=org internal CA g1,O=org",
        "CN=org internal CA g2,O=org",
        "CN=org clients CA g1,O=org",
        "CN=org clients CA g2,O=org",
    ]
    assert len({each.key_pem for each in made}) == 4


def test_it_may_sign_certificates_and_authorities(authority: Authority) -> None:
    certificate = x509.load_pem_x509_certificate(authority.certificate_pem)
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert constraints.critical
    assert constraints.value == x509.BasicConstraints(ca=True, path_length=None)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert usage.value.crl_sign
    assert not usage.value.digital_signature


def test_it_names_its_key_and_signs_itself(authority: Authority) -> None:
    certificate = x509.load_pem_x509_certificate(authority.certificate_pem)
    extensions = certificate.extensions
    own = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    issuer = extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    key = certificate.public_key()
    certificate.verify_directly_issued_by(certificate)
    assert own.digest == issuer.key_identifier
    assert isinstance(key, ec.EllipticCurvePublicKey)
    assert key.curve.name == "secp256r1"


def test_it_holds_from_an_hour_ago_for_the_wished_years(authority: Authority) -> None:
    facts = describe(authority.certificate_pem)
    assert facts.not_before == datetime(2026, 2, 3, 3, 5, 6, tzinfo=UTC)
    assert facts.not_after == datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC) + timedelta(days=3650)
    assert facts.is_authority


def test_its_dates_do_not_depend_on_the_zone_of_now() -> None:
    tokyo = NOW.astimezone(timezone(timedelta(hours=9)))
    facts = describe(new_authority("internal", "org", 1, tokyo, years=1).certificate_pem)
    assert facts.not_before == datetime(2026, 2, 3, 3, 5, 6, tzinfo=UTC)


def test_it_does_not_show_its_key(authority: Authority) -> None:
    assert "PRIVATE KEY" not in repr(authority)
    assert authority.key_pem.startswith(b"-----BEGIN PRIVATE KEY-----")


def test_a_generation_starts_at_one() -> None:
    with pytest.raises(CertificateError, match=r"^generation 0: accepted is 1 or more\.$"):
        new_authority("internal", "org", 0, NOW)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(CertificateError, match="accepted is a time with its zone"):
        new_authority("internal", "org", 1, NOW.replace(tzinfo=None))


def test_no_years_are_refused() -> None:
    with pytest.raises(CertificateError, match=r"^days 0: accepted is 1 or more\.$"):
        new_authority("internal", "org", 1, NOW, years=0)


def test_a_leaf_is_no_authority(authority: Authority) -> None:
    request = LeafRequest("broker", "org", ("10.0.0.1",), (), server=True, client=False)
    leaf = issue(authority, request, NOW, days=1)
    with pytest.raises(CertificateError, match=r"authority certificate: .*\(CA:TRUE\)"):
        signer_of(Authority(leaf.certificate_pem, leaf.key_pem))


def test_another_authoritys_key_is_refused(authority: Authority) -> None:
    other = new_authority("clients", "org", 2, NOW)
    with pytest.raises(CertificateError, match="accepted is only the key of its certificate"):
        signer_of(replace(authority, key_pem=other.key_pem))


def test_two_certificates_are_no_authority(authority: Authority) -> None:
    with pytest.raises(CertificateError, match="accepted is one certificate, and here are 2"):
        signer_of(replace(authority, certificate_pem=authority.certificate_pem * 2))


def test_what_is_no_certificate_is_refused(authority: Authority) -> None:
    with pytest.raises(CertificateError, match=r"authority certificate: accepted are X\.509"):
        signer_of(replace(authority, certificate_pem=b"rubbish"))


def _as_pem(key: ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey, password: bytes) -> bytes:
    encryption = BestAvailableEncryption(password) if password else NoEncryption()
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize(
    ("key_pem", "sentence"),
    [
        (b"rubbish", "authority key: accepted is an unencrypted private key as PEM text"),
        (
            _as_pem(ec.generate_private_key(ec.SECP256R1()), b"password"),
            "authority key: accepted is an unencrypted private key as PEM text",
        ),
        (
            _as_pem(ed25519.Ed25519PrivateKey.generate(), b""),
            "authority key: accepted are EC and RSA keys",
        ),
    ],
    ids=["no key", "encrypted", "another kind"],
)
def test_what_is_no_usable_key_is_refused(
    authority: Authority, key_pem: bytes, sentence: str
) -> None:
    with pytest.raises(CertificateError, match=sentence):
        signer_of(replace(authority, key_pem=key_pem))
