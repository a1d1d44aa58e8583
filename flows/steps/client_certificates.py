"""Client certificates: issued by the authority that brokers trust, and refused once revoked."""

from __future__ import annotations

from collections.abc import Sequence

from certs.leaf import LeafRequest, issue
from flows.adapters.secrets.client_certificates import (
    certificate_name,
    drop_leaf,
    issued_certificates,
    keep_leaf,
    revoked_serials,
)
from flows.adapters.site import Play, Site
from flows.domain.host_files import as_variable, revocation_file
from flows.domain.instance import Instance
from flows.domain.wish import ClientCertificate
from flows.steps.certificates import authority
from flows.steps.delivery import machines_of
from flows.steps.step import step


@step("issue certificate {certificate.number} to {certificate.user}")
def issue_to_client(site: Site, instance: Instance, certificate: ClientCertificate) -> None:
    """The certificate waits, with its key, to be handed out; it is issued only once."""
    if site.secrets.get(instance.id, certificate_name(certificate)) is None:
        request = client_leaf(instance, certificate.user)
        signer = authority(site, instance, "clients")
        leaf = issue(signer, request, site.clock.now(), certificate.days)
        keep_leaf(site.secrets, instance.id, certificate, leaf)
    _tell(site, instance, certificate)


def client_leaf(instance: Instance, user: str) -> LeafRequest:
    """What a client's certificate says: its user, and nothing that a server would need."""
    return LeafRequest(
        common_name=user,
        organization=instance.organization,
        ip_addresses=(),
        dns_names=(),
        server=False,
        client=True,
    )


def revoke(site: Site, instance: Instance, certificates: Sequence[ClientCertificate]) -> None:
    """No broker lets anybody in by these certificates; nothing happens where there are none."""
    if certificates:
        deliver_revocations(site, instance)
    for certificate in certificates:
        forget_key(site, instance, certificate)


@step("refuse revoked certificates on every broker")
def deliver_revocations(site: Site, instance: Instance) -> None:
    """Every broker refuses these serials from its next request on; nothing is restarted."""
    serials = revoked_serials(site.secrets, instance.id, instance.wish)
    secrets = {"host_secret_files": [as_variable(revocation_file(serials))]}
    machines = machines_of(instance)
    site.ansible.play(
        Play(
            playbook="deliver_users.yml",
            machines=machines,
            epoch=site.epoch,
            variables={},
            secrets={machine.name: secrets for machine in machines},
        )
    )


@step("forget the key of certificate {certificate.number}")
def forget_key(site: Site, instance: Instance, certificate: ClientCertificate) -> None:
    """Nobody gets the certificate any more; its serial stays known."""
    drop_leaf(site.secrets, instance.id, certificate)


def _tell(site: Site, instance: Instance, certificate: ClientCertificate) -> None:
    for issued in issued_certificates(site.secrets, instance.id, instance.wish):
        if issued.number == certificate.number:
            site.findings.data["certificate"] = {
                "user": issued.user,
                "number": issued.number,
                "serial": issued.serial,
                "expires": issued.expires.isoformat(),
            }
            site.findings.sections.append(
                f"Certificate {issued.number} of {issued.user}, serial {issued.serial}, holds "
                f"until {issued.expires:%Y-%m-%d %H:%M} UTC.\n\nIt is handed out once, with its "
                f"key: `fleet client-certificate {instance.name} {issued.user} -o DIRECTORY`\n"
            )
