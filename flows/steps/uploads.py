"""A user's own certificate: read from what a request brought, and kept under its number."""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime

from certs.errors import CertificateError
from certs.facts import describe
from certs.uploads import Upload as Stores
from certs.uploads import read_upload as read_stores
from flows.adapters.secrets.kept import read_upload, upload_name, write_upload
from flows.adapters.site import Secrets, Site
from flows.domain.certificates import Certificates
from flows.domain.errors import Refused, refusal
from flows.domain.instance import Instance
from flows.domain.uploaded import Upload, UploadedCertificates, UploadFacts
from flows.domain.uploads import UPLOAD_FIELDS, check_same_upload
from flows.steps.certificates import stores_gone
from flows.steps.step import step


def with_upload(site: Site, instance: Instance, secrets: Mapping[str, str]) -> Instance:
    """The instance with what the request brought, and what is served of an earlier upload.

    A replacement that was cut off goes on with the certificate that it had begun with, and with no
    other. Refused, by the rule that is broken, when clients would refuse the certificate.
    """
    settled = (instance.settled_wish or instance.wish).client_facing
    begun = _begun(site.secrets, instance, settled)
    brought = _brought(secrets, site.clock.now())
    check_same_upload(_facts(begun), _facts(brought))
    given, present = begun or brought, _kept(site.secrets, instance.id, settled)
    upload = Upload(given=given, facts=_facts(given), present=_facts(present))
    return replace(instance, upload=upload)


def with_way_back(site: Site, instance: Instance) -> Instance:
    """The instance with what is known of its certificates from before a change, and of those begun.

    Nothing where the change is of something else.
    """
    before = instance.settled_wish
    if before is None or before.client_facing == instance.wish.client_facing:
        return instance
    gone = stores_gone(site, replace(instance, wish=before))
    return replace(with_upload(site, instance, {}), stores_gone=gone)


@step("keep the uploaded certificate")
def keep_upload(site: Site, number: int, upload: UploadedCertificates) -> None:
    """The certificate is kept under its number, its key encrypted; it serves until the next one."""
    text = write_upload(upload)
    if site.secrets.get(site.instance_id, upload_name(number)) != text:
        site.secrets.put(site.instance_id, upload_name(number), text)


def facts_of(upload: UploadedCertificates) -> UploadFacts:
    """What an upload says."""
    leaf, anchor = describe(upload.chain[0]), describe(upload.trusted[0])
    return UploadFacts(
        sha256=leaf.sha256,
        subject=leaf.subject,
        names=(*leaf.ip_addresses, *leaf.dns_names),
        not_after=min(describe(pem).not_after for pem in (*upload.chain, upload.trusted[0])),
        authority=anchor.subject,
        trusted=tuple(describe(pem).sha256 for pem in upload.trusted),
    )


def _facts(upload: UploadedCertificates | None) -> UploadFacts | None:
    return facts_of(upload) if upload else None


def _brought(secrets: Mapping[str, str], now: datetime) -> UploadedCertificates | None:
    if not set(UPLOAD_FIELDS) <= secrets.keys():
        return None
    stores = Stores(
        keystore=_bytes("keystore", secrets["keystore"]),
        keystore_password=secrets["keystore_password"],
        truststore=_bytes("truststore", secrets["truststore"]),
        truststore_password=secrets["truststore_password"],
    )
    try:
        found = read_stores(stores, now)
    except CertificateError as error:
        raise Refused(str(error)) from None
    chain = (found.leaf.certificate_pem, *found.leaf.chain)
    return UploadedCertificates(found.leaf.key_pem, chain, found.authorities)


def _bytes(field: str, text: str) -> bytes:
    try:
        return b64decode("".join(text.split()), validate=True)
    except (NoBase64, ValueError):
        rule = "accepted is a Secret block with the file in base64, or file:NAME of an upload"
        raise refusal(field, "(not shown)", rule) from None


def _begun(
    secrets: Secrets, instance: Instance, settled: Certificates
) -> UploadedCertificates | None:
    """The upload that the wish already names, although no operation has come to its end since."""
    wished = instance.wish.client_facing
    return None if wished == settled else _kept(secrets, instance.id, wished)


def _kept(secrets: Secrets, instance_id: str, numbers: Certificates) -> UploadedCertificates | None:
    if numbers.authority not in numbers.uploaded:
        return None
    text = secrets.get(instance_id, upload_name(numbers.authority))
    return read_upload(text) if text else None
