"""The rolling arm beside live replacements is one: Kafka takes none of its certificates live."""

from __future__ import annotations

from datetime import UTC, datetime

from benchmarks.restarting.replacing import (
    KEYSTORE,
    TRUSTSTORE,
    new_password,
    own_authority,
    stores,
)
from certs.facts import CertificateFacts, describe
from certs.uploads import Upload, read_upload
from flows.domain.uploads import check_store_password

ADDRESSES = ("10.0.0.1", "10.0.0.2", "10.0.0.3")


def test_each_replacement_has_a_subject_of_its_own_and_one_authority() -> None:
    authority = own_authority()
    found = []
    for number in (0, 1):
        password = new_password()
        check_store_password("keystore_password", password)
        made = stores((authority, number), ADDRESSES, password)
        upload = Upload(made[KEYSTORE], password, made[TRUSTSTORE], password)
        found.append(read_upload(upload, datetime.now(UTC)))
    first, second = (describe(each.leaf.certificate_pem) for each in found)
    assert first.subject != second.subject
    assert {names(first), names(second)} == {ADDRESSES}
    assert found[0].authorities == found[1].authorities == (authority.certificate_pem,)


def names(facts: CertificateFacts) -> tuple[str, ...]:
    return tuple(sorted(facts.ip_addresses))
