"""A user's own stores: what is good comes out whole, every fault is refused by its sentence."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from cryptography.hazmat.primitives.hashes import SHA384
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.x509.oid import ExtendedKeyUsageOID
from hypothesis import given, settings
from hypothesis import strategies as st

from certs.errors import CertificateError
from certs.extensions import key_usage
from certs.pem import write_certificate, write_key
from certs.uploads import Upload, read_upload
from certs.users_stores import LARGEST, read_keystore, read_truststore
from tests.certs.uploaded import (
    LEAF,
    MIDDLE,
    NOW,
    PASSWORD,
    ROOT,
    Made,
    Says,
    authority,
    jks_store,
    make,
    pkcs12_keystore,
    pkcs12_truststore,
    upload,
)

JKS = upload(jks_store([[LEAF, MIDDLE, ROOT]], [ROOT]), jks_store(trusted=[ROOT]))
OTHER_ROOT = make(Says("Other Root", (-10, 3650), extensions=(authority(),)))

needs_keytool = pytest.mark.skipif(shutil.which("keytool") is None, reason="Java is not installed")
needs_openssl = pytest.mark.skipif(
    shutil.which("openssl") is None, reason="openssl is not installed"
)


def signed(says: Says, signer: Made = ROOT, key: object = None) -> Upload:
    """A store with a certificate of the root's own, and the root to trust."""
    leaf = make(says, signer, key)  # type: ignore[arg-type]
    return upload(pkcs12_keystore(leaf, [MIDDLE] if signer is MIDDLE else []))


def sentence_of(given: Upload) -> str:
    with pytest.raises(CertificateError) as refused:
        read_upload(given, NOW)
    return str(refused.value)


@pytest.mark.parametrize("given", [upload(), JKS], ids=["PKCS#12", "JKS"])
def test_a_good_pair_of_stores_gives_key_chain_and_authorities(given: Upload) -> None:
    found = read_upload(given, NOW)
    assert found.leaf.certificate_pem == write_certificate(LEAF.certificate)
    assert found.leaf.key_pem == write_key(LEAF.key)  # type: ignore[arg-type]
    assert found.leaf.chain == (write_certificate(MIDDLE.certificate),)
    assert found.authorities == (write_certificate(ROOT.certificate),)


def test_the_format_is_told_by_the_content_and_the_two_may_be_mixed() -> None:
    mixed = replace(upload(), truststore=JKS.truststore)
    assert read_upload(mixed, NOW) == read_upload(JKS, NOW)


def test_the_chain_is_put_in_order_and_has_nothing_needless() -> None:
    stranger = make(Says("Stranger", extensions=(authority(),)))
    shuffled = upload(pkcs12_keystore(LEAF, [ROOT, stranger, MIDDLE]))
    assert read_upload(shuffled, NOW) == read_upload(upload(), NOW)


def test_an_authority_in_the_middle_can_be_the_one_that_is_trusted() -> None:
    found = read_upload(upload(truststore=pkcs12_truststore([OTHER_ROOT, MIDDLE])), NOW)
    assert found.leaf.chain == ()
    assert found.authorities == tuple(
        write_certificate(each.certificate) for each in (MIDDLE, OTHER_ROOT)
    )


@pytest.mark.parametrize(
    "key",
    [2048, 3072, ec.SECP384R1(), ec.SECP521R1()],
    ids=["RSA of 2048 bits", "RSA of 3072 bits", "P-384", "P-521"],
)
def test_usual_keys_are_accepted(key: int | ec.EllipticCurve) -> None:
    made = (
        rsa.generate_private_key(65537, key)
        if isinstance(key, int)
        else ec.generate_private_key(key)
    )
    found = read_upload(signed(Says(hash=SHA384()), key=made), NOW)
    assert found.leaf.key_pem == write_key(made)


# What is wrong with the files


@pytest.mark.parametrize("given", [upload(), JKS], ids=["PKCS#12", "JKS"])
def test_a_wrong_password_is_said_for_the_store_that_it_does_not_open(given: Upload) -> None:
    wrong = "Upload 2027!"
    words = "the password does not open it, or it was altered."
    assert sentence_of(replace(given, keystore_password=wrong)) == f"keystore: {words}"
    assert sentence_of(replace(given, truststore_password=wrong)) == f"truststore: {words}"


@pytest.mark.parametrize("content", [b"", b"no store at all", b"-----BEGIN CERTIFICATE-----"])
def test_what_is_no_store_is_refused(content: bytes) -> None:
    words = "accepted is a JKS or PKCS#12 store, and this is none."
    assert sentence_of(upload(keystore=content)) == f"keystore: {words}"
    assert sentence_of(upload(truststore=content)) == f"truststore: {words}"


def test_a_huge_store_is_refused_before_it_is_read() -> None:
    content = b"\x30" * (LARGEST + 1)
    words = "it has 102,401 bytes; accepted are at most 102,400."
    assert sentence_of(upload(keystore=content)) == f"keystore: {words}"
    assert sentence_of(upload(truststore=content)) == f"truststore: {words}"


@pytest.mark.parametrize("given", [upload(), JKS], ids=["PKCS#12", "JKS"])
def test_a_truncated_store_is_refused_wherever_it_ends(given: Upload) -> None:
    damaged = "accepted is a whole JKS or PKCS#12 store, and this one is damaged."
    altered = "the password does not open it, or it was altered."
    for name, content in (("keystore", given.keystore), ("truststore", given.truststore)):
        accepted = {f"{name}: {damaged}", f"{name}: {altered}"}
        for length in range(4, len(content), 101):
            cut = replace(given, **{name: content[:length]})  # type: ignore[arg-type]
            assert sentence_of(cut) in accepted


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=400), st.sampled_from([b"\xfe\xed\xfe\xed", b"\x30", b""]))
def test_any_bytes_are_a_store_or_refused(content: bytes, magic: bytes) -> None:
    for read in (read_keystore, read_truststore):
        with pytest.raises(CertificateError):
            read("store", magic + content, PASSWORD)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([upload(), JKS]), st.data())
def test_a_store_that_was_altered_anywhere_never_gives_other_certificates(
    given: Upload, data: st.DataObject
) -> None:
    content = bytearray(given.truststore)
    content[data.draw(st.integers(0, len(content) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    try:
        found = read_truststore("truststore", bytes(content), PASSWORD)
    except CertificateError:
        return
    assert found == (write_certificate(ROOT.certificate),)


@settings(deadline=None, max_examples=20)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=32))
def test_every_printable_password_opens_both_formats(password: str) -> None:
    keystores = (
        pkcs12_keystore(LEAF, [MIDDLE], password),
        jks_store([[LEAF, MIDDLE]], password=password, key_password=password),
    )
    found = [read_keystore("keystore", each, password) for each in keystores]
    assert found[0] == found[1]


def test_a_key_with_a_password_of_its_own_is_refused() -> None:
    content = jks_store([[LEAF, MIDDLE]], key_password="Another 2026!")
    assert sentence_of(upload(content)) == (
        "keystore: its private key has another password than the store; accepted is the same for "
        "both."
    )


@pytest.mark.parametrize(
    ("content", "count"),
    [
        (pkcs12_truststore([ROOT]), 0),
        (jks_store(trusted=[ROOT]), 0),
        (jks_store([[LEAF, MIDDLE], [LEAF, MIDDLE]]), 2),
    ],
    ids=["PKCS#12 without", "JKS without", "JKS with two"],
)
def test_a_key_store_has_one_key(content: bytes, count: int) -> None:
    assert sentence_of(upload(content)) == (
        f"keystore: accepted is a store with one private key, and this one has {count}."
    )


def test_a_key_that_does_not_fit_its_certificate_is_refused() -> None:
    content = jks_store([[Made(LEAF.certificate, ROOT.key), MIDDLE]])
    assert sentence_of(upload(content)) == "keystore: its private key does not fit its certificate."


def test_a_key_that_fits_none_of_the_certificates_is_refused() -> None:
    # So OpenSSL and cryptography write PKCS#12; neither makes an entry whose key does not fit.
    key, others = ROOT.key, [LEAF.certificate, MIDDLE.certificate]
    encryption = BestAvailableEncryption(PASSWORD.encode())
    content = pkcs12.serialize_key_and_certificates(
        b"localhost",
        key,  # type: ignore[arg-type]
        None,
        others,
        encryption,
    )
    assert sentence_of(upload(content)) == (
        "keystore: its private key has no certificate; accepted is one."
    )


@pytest.mark.parametrize("key", [ed25519.Ed25519PrivateKey.generate()], ids=["Ed25519"])
def test_a_key_that_kafkas_suites_cannot_use_is_refused(key: ed25519.Ed25519PrivateKey) -> None:
    assert sentence_of(signed(Says(), key=key)) == (
        "keystore: accepted are RSA and EC keys, and this is another kind."
    )


def test_clients_never_get_a_private_key() -> None:
    for content in (upload().keystore, JKS.keystore):
        assert sentence_of(upload(truststore=content)) == (
            "truststore: accepted is a store of certificates to trust, and this one has a private "
            "key, which clients must never get."
        )


def test_a_trust_store_without_an_authority_is_refused() -> None:
    assert sentence_of(upload(truststore=jks_store())) == (
        "truststore: accepted is a store with at least one authority to trust."
    )
    assert sentence_of(upload(truststore=pkcs12_truststore([ROOT, LEAF]))) == (
        "truststore: accepted are certificates of authorities (CA:TRUE), and "
        "CN=broker.example.com is none."
    )


# What is wrong with the certificates


def test_a_chain_that_ends_nowhere_is_refused() -> None:
    words = (
        "chain: accepted is one that ends at a certificate of the trust store, and that of "
        "CN=broker.example.com, issued by CN=Example Issuing, does not."
    )
    assert sentence_of(upload(truststore=pkcs12_truststore([OTHER_ROOT]))) == words
    assert sentence_of(upload(pkcs12_keystore(LEAF, [ROOT]))) == words


def test_an_authority_of_the_same_name_is_not_the_one_that_signed() -> None:
    namesake = make(Says("Example Root", (-10, 3650), extensions=(authority(),)))
    assert sentence_of(upload(truststore=pkcs12_truststore([namesake]))).startswith("chain: ")


@pytest.mark.parametrize(
    "extensions",
    [(), (authority(0),), (authority(), key_usage(handshakes=True))],
    ids=["no authority", "too deep", "may not sign certificates"],
)
def test_an_authority_that_may_not_sign_this_ends_no_chain(
    extensions: tuple[x509.ExtensionType, ...],
) -> None:
    root = make(Says("Shallow Root", extensions=(authority(0),)))
    middle = make(Says("Its Middle", extensions=extensions), root)
    below = make(Says("Below", extensions=(authority(),)), middle)
    leaf = make(Says(), below)
    given = upload(pkcs12_keystore(leaf, [below, middle]), pkcs12_truststore([root]))
    assert sentence_of(given).startswith("chain: ")


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (
            signed(Says(days=(-30, -1))),
            "certificate CN=broker.example.com: it expired 2026-05-31 12:00 UTC.",
        ),
        (
            signed(Says(days=(1, 30))),
            "certificate CN=broker.example.com: it holds only from 2026-06-02 12:00 UTC on.",
        ),
        (
            upload(
                pkcs12_keystore(
                    make(
                        Says(),
                        old := make(Says("Old Issuing", (-9, -2), extensions=(authority(),)), ROOT),
                    ),
                    [old],
                )
            ),
            "certificate CN=Old Issuing: it expired 2026-05-30 12:00 UTC.",
        ),
        (
            signed(Says(), key=rsa.generate_private_key(65537, 1024)),
            "certificate CN=broker.example.com: its RSA key has 1024 bits; accepted are 2048 to "
            "8192.",
        ),
        (
            signed(Says(), key=ec.generate_private_key(ec.SECP256K1())),
            "certificate CN=broker.example.com: its key is secp256k1; accepted are RSA keys and EC "
            "keys on P-256, P-384 and P-521.",
        ),
        (
            signed(Says(extensions=(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),))),
            "certificate CN=broker.example.com: its extended key usage does not name servers; "
            "accepted is one with serverAuth, or none.",
        ),
        (
            signed(Says(extensions=(key_usage(certificates=True),))),
            "certificate CN=broker.example.com: its key usage does not let it sign handshakes; "
            "accepted is one with digitalSignature, or none.",
        ),
    ],
    ids=["expired", "not yet", "issuer expired", "1024 bits", "curve", "clients' only", "usage"],
)
def test_a_certificate_that_clients_refuse_is_refused(given: Upload, sentence: str) -> None:
    assert sentence_of(given) == sentence


@needs_openssl
def test_a_signature_with_sha_1_is_refused(tmp_path: Path) -> None:
    # cryptography itself makes none any more.
    for name, content in {"ca": ROOT, "leaf": LEAF}.items():
        (tmp_path / f"{name}.key").write_bytes(write_key(content.key))  # type: ignore[arg-type]
        (tmp_path / f"{name}.pem").write_bytes(write_certificate(content.certificate))
    for words in (
        "openssl req -new -key leaf.key -subj /CN=broker.example.com -out request",
        "openssl x509 -req -in request -CA ca.pem -CAkey ca.key -CAcreateserial -sha1 -out old.pem",
    ):
        subprocess.run(words.split(), cwd=tmp_path, check=True, capture_output=True)
    old = x509.load_pem_x509_certificate((tmp_path / "old.pem").read_bytes())
    with pytest.raises(CertificateError) as refused:
        read_upload(upload(pkcs12_keystore(Made(old, LEAF.key))), old.not_valid_before_utc)
    assert str(refused.value) == (
        "certificate CN=broker.example.com: it is signed with sha1, which clients refuse; "
        "accepted are SHA-256, SHA-384 and SHA-512."
    )


@pytest.mark.parametrize(
    ("root", "rule"),
    [
        (
            make(Says("Old Root", (-30, -1), extensions=(authority(),))),
            "CN=Old Root: it expired 2026-05-31 12:00 UTC.",
        ),
        (
            make(
                Says("Weak Root", extensions=(authority(),)),
                key=rsa.generate_private_key(65537, 1024),
            ),
            "CN=Weak Root: its RSA key has 1024 bits; accepted are 2048 to 8192.",
        ),
    ],
    ids=["expired", "1024 bits"],
)
def test_an_authority_that_clients_should_not_trust_is_refused(root: Made, rule: str) -> None:
    given = upload(pkcs12_keystore(make(Says(), root)), pkcs12_truststore([root]))
    assert sentence_of(given) == f"certificate {rule}"


def test_an_authority_with_a_key_of_another_kind_is_refused() -> None:
    key = dsa.generate_private_key(2048)
    root = make(Says("DSA Root", extensions=(authority(),)), key=key)
    given = upload(pkcs12_keystore(make(Says(), root)), pkcs12_truststore([root]))
    assert sentence_of(given) == (
        "certificate CN=DSA Root: its key is of another kind; accepted are RSA keys and EC keys "
        "on P-256, P-384 and P-521."
    )


def test_secrets_are_in_no_printed_form() -> None:
    found = read_upload(upload(), NOW)
    for shown in (repr(upload()), repr(found), repr(read_keystore("k", JKS.keystore, PASSWORD))):
        assert "PRIVATE KEY" not in shown
        assert PASSWORD not in shown


# Stores of Java's own making, as the guide's section 6.6 has them made


@pytest.fixture(scope="module")
def by_hand(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The steps of the guide with `keytool` and `openssl`: RSA, no names, a root in the store."""
    directory = tmp_path_factory.mktemp("by-hand")
    (directory / "password").write_text(f"{PASSWORD}\n")
    for words in _GUIDE.strip().splitlines():
        subprocess.run(
            words.split(), cwd=directory, check=True, capture_output=True, stdin=subprocess.DEVNULL
        )
    return directory


_GUIDE = """
openssl req -new -x509 -nodes -subj /CN=CARoot -keyout ca-key -out ca-cert -days 3650
keytool -genkeypair -storetype JKS -keystore s.jks -alias localhost -validity 3650 -keyalg RSA \
-dname CN=localhost -storepass:file password -keypass:file password
keytool -keystore s.jks -alias localhost -certreq -file request -storepass:file password
openssl x509 -req -CA ca-cert -CAkey ca-key -in request -out signed -days 3650 -CAcreateserial
keytool -keystore s.jks -alias CARoot -import -noprompt -file ca-cert -storepass:file password
keytool -keystore s.jks -alias localhost -import -noprompt -file signed -storepass:file password
keytool -storetype JKS -keystore t.jks -alias CARoot -import -noprompt -file ca-cert \
-storepass:file password
keytool -importkeystore -srckeystore s.jks -destkeystore s.p12 -deststoretype PKCS12 \
-srcstorepass:file password -deststorepass:file password
keytool -keystore t.p12 -alias CARoot -import -noprompt -file ca-cert -storepass:file password
""".replace("\\\n", "")


@needs_keytool
@needs_openssl
@pytest.mark.parametrize("suffix", ["jks", "p12"])
def test_stores_made_as_the_guide_says_are_read(by_hand: Path, suffix: str) -> None:
    content = [(by_hand / f"{name}.{suffix}").read_bytes() for name in ("s", "t")]
    now = x509.load_pem_x509_certificate((by_hand / "signed").read_bytes()).not_valid_before_utc
    found = read_upload(Upload(content[0], PASSWORD, content[1], PASSWORD), now)
    assert found.leaf.certificate_pem == (by_hand / "signed").read_bytes()
    assert found.leaf.chain == ()
    assert found.authorities == ((by_hand / "ca-cert").read_bytes(),)
    (by_hand / f"key-{suffix}").write_bytes(found.leaf.key_pem)
    shown = [
        subprocess.run(words.split(), cwd=by_hand, check=True, capture_output=True).stdout
        for words in (f"openssl pkey -in key-{suffix} -pubout", "openssl x509 -in signed -pubkey")
    ]
    assert shown[1].startswith(shown[0])
