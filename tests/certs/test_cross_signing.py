"""Cross-signing, judged by OpenSSL: who trusts only the old authority accepts the new leaves."""

import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from certs.authority import Authority, cross_sign, new_authority
from certs.errors import CertificateError
from certs.leaf import LeafRequest, issue
from certs.names import subject
from certs.pem import write_key

NOW = datetime.now(UTC).replace(microsecond=0)
OLD = new_authority("clients", "org", 1, NOW)
NEW = new_authority("clients", "org", 2, NOW)
BROKER = LeafRequest("broker", "org", ("10.0.0.1",), (), server=True, client=False)
LEAF = issue(NEW, BROKER, NOW, 30).certificate_pem

needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is not installed"
)


def refusal_by_openssl(
    directory: Path, *, trusted: list[bytes], sent: list[bytes], leaf: bytes = LEAF
) -> str:
    """What a strict OpenSSL client says against this leaf with what is sent after it; or ''."""
    for name, pems in (("trusted", trusted), ("sent", sent), ("leaf", [leaf])):
        (directory / name).write_bytes(b"".join(pems))
    command = ["openssl", "verify", "-x509_strict", "-purpose", "sslserver"]
    command += ["-verify_ip", "10.0.0.1", "-no-CApath", "-no-CAstore", "-CAfile", "trusted"]
    command += ["-untrusted", "sent"] if sent else []
    found = subprocess.run(
        [*command, "leaf"], cwd=directory, capture_output=True, text=True, check=False, timeout=10
    )
    return "" if found.returncode == 0 else found.stderr


@needs_openssl
@pytest.mark.parametrize(
    "trusted", [[OLD], [NEW], [OLD, NEW], [NEW, OLD]], ids=["old", "new", "both", "both reversed"]
)
def test_everybody_accepts_a_new_leaf_with_the_cross_certificate(
    tmp_path: Path, trusted: list[Authority]
) -> None:
    cross = cross_sign(NEW.certificate_pem, OLD)
    pems = [each.certificate_pem for each in trusted]
    assert refusal_by_openssl(tmp_path, trusted=pems, sent=[cross]) == ""


@needs_openssl
def test_without_it_only_those_accept_who_trust_the_new_authority(tmp_path: Path) -> None:
    both = [OLD.certificate_pem, NEW.certificate_pem]
    refusal = refusal_by_openssl(tmp_path, trusted=[OLD.certificate_pem], sent=[])
    assert "unable to get local issuer certificate" in refusal
    assert refusal_by_openssl(tmp_path, trusted=[NEW.certificate_pem], sent=[]) == ""
    assert refusal_by_openssl(tmp_path, trusted=both, sent=[]) == ""


@needs_openssl
def test_another_authoritys_cross_certificate_helps_nobody(tmp_path: Path) -> None:
    stranger = new_authority("clients", "org", 1, NOW)
    cross = cross_sign(NEW.certificate_pem, stranger)
    assert refusal_by_openssl(tmp_path, trusted=[OLD.certificate_pem], sent=[cross]) != ""


def foreign_authority(*, ca: bool = True, path_length: int | None = None) -> Authority:
    """As others make them: an RSA key, no key identifiers, no key usage."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = subject("foreign", "elsewhere")
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=100))
        .not_valid_after(NOW + timedelta(days=100))
        .add_extension(x509.BasicConstraints(ca=ca, path_length=path_length), critical=True)
        .sign(key, SHA256())
    )
    return Authority(certificate.public_bytes(Encoding.PEM), write_key(key))


@needs_openssl
def test_the_new_authority_may_be_one_whose_key_is_not_ours(tmp_path: Path) -> None:
    theirs = foreign_authority()
    cross = cross_sign(theirs.certificate_pem, OLD)
    leaf = issue(theirs, BROKER, NOW, 30).certificate_pem
    refusal = refusal_by_openssl(tmp_path, trusted=[OLD.certificate_pem], sent=[cross], leaf=leaf)
    assert refusal == ""


def test_it_has_the_new_subject_and_key_and_is_signed_by_the_old_authority() -> None:
    cross = x509.load_pem_x509_certificate(cross_sign(NEW.certificate_pem, OLD))
    new = x509.load_pem_x509_certificate(NEW.certificate_pem)
    cross.verify_directly_issued_by(x509.load_pem_x509_certificate(OLD.certificate_pem))
    assert cross.subject == new.subject
    assert cross.public_key() == new.public_key()
    assert cross.serial_number != new.serial_number
    for kind in (x509.SubjectKeyIdentifier, x509.BasicConstraints, x509.KeyUsage):
        ours = cross.extensions.get_extension_for_class(kind)
        assert ours == new.extensions.get_extension_for_class(kind)


def test_it_holds_as_long_as_both_do() -> None:
    old = new_authority("clients", "org", 1, NOW - timedelta(days=300), years=1)
    cross = x509.load_pem_x509_certificate(cross_sign(NEW.certificate_pem, old))
    new = x509.load_pem_x509_certificate(NEW.certificate_pem)
    assert cross.not_valid_before_utc == new.not_valid_before_utc
    assert cross.not_valid_after_utc == NOW + timedelta(days=65)


def test_an_authority_that_ended_before_the_new_one_is_refused() -> None:
    ended = new_authority("clients", "org", 1, NOW - timedelta(days=400), years=1)
    with pytest.raises(CertificateError, match="accepted is one that holds at the same time"):
        cross_sign(NEW.certificate_pem, ended)


def test_the_same_subject_is_refused() -> None:
    same = new_authority("clients", "org", 2, NOW)
    with pytest.raises(CertificateError, match=r"'CN=org clients CA g2,O=org': accepted is one"):
        cross_sign(same.certificate_pem, NEW)


def test_an_authority_that_may_not_sign_authorities_is_refused() -> None:
    with pytest.raises(CertificateError, match=r"^old authority: .* its path length is 0\.$"):
        cross_sign(NEW.certificate_pem, foreign_authority(path_length=0))


def test_only_authorities_are_cross_signed() -> None:
    with pytest.raises(CertificateError, match=r"^new authority: accepted is the certificate of"):
        cross_sign(LEAF, OLD)


def test_only_authorities_cross_sign() -> None:
    with pytest.raises(CertificateError, match=r"^authority certificate: accepted is the cert"):
        cross_sign(NEW.certificate_pem, foreign_authority(ca=False))


def test_a_certificate_without_constraints_is_no_authority() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = subject("old-style", "org")
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
        .sign(key, SHA256())
    )
    with pytest.raises(CertificateError, match=r"\(CA:TRUE\)"):
        cross_sign(certificate.public_bytes(Encoding.PEM), OLD)
