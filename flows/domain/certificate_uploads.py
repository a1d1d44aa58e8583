"""replace-certificates with a user's own certificate, and back from it: the plan of either.

Kafka changes a certificate's subject only when a broker starts, and 2.7 drops a name of it only
then. So whoever changes it that way rolls; any other successor is served live like our own
(`flows.domain.certificate_ways`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from flows.domain.certificate_replacement import (
    BLIND,
    CertificatePlan,
    ReplaceCertificates,
    Scope,
    check_serves_certificates,
    client_listeners,
    dropping_steps,
    plan_replacement,
)
from flows.domain.certificate_ways import Way, way_to_names
from flows.domain.certificates import Certificates
from flows.domain.errors import Refused, refusal
from flows.domain.gates import is_left_out
from flows.domain.impact import check_at_risk, closing_steps, felt_with, impact_on
from flows.domain.instance import Instance
from flows.domain.plan import PlannedStep
from flows.domain.restart import check_answering, is_due, raised
from flows.domain.uploaded import Upload, UploadedCertificates, UploadFacts
from flows.domain.uploads import Source, check_names, clients_broken
from flows.domain.users import check_every_broker, settled
from flows.domain.wish import Wish


@dataclass(frozen=True)
class _Change:
    """What is to be served instead of what, and how."""

    numbers: Certificates
    words: str
    mark: str
    way: Way
    warnings: tuple[str, ...]

    @property
    def live(self) -> bool:
        """Whether no broker has to start anew for it."""
        return self.way is not Way.ROLLING


def plan_certificates(instance: Instance, request: ReplaceCertificates) -> CertificatePlan:
    """The certificates that are asked for, on every client listener of every broker."""
    upload = instance.upload or Upload()
    check_serves_certificates(instance)
    if request.source is Source.UPLOAD:
        return _plan_upload(instance, request, upload)
    if _is_uploaded(settled(instance).client_facing):
        return _plan_return(instance, request, upload)
    return plan_replacement(instance, request)


def _plan_upload(
    instance: Instance, request: ReplaceCertificates, upload: Upload
) -> CertificatePlan:
    before, given, facts = settled(instance), upload.given, upload.facts
    _check_clients_log_in(before)
    if given is None or facts is None:
        raise Refused("keystore: what was uploaded is not known; ask for it again")
    if upload.present is not None and _same(facts, upload.present):
        title = f"Replace the certificates of {instance.name}"
        return CertificatePlan(title, instance=instance, wish=before)
    gap = check_names(facts, instance, accept_san_gap=request.accept_san_gap)
    present = before.client_facing
    broken = _is_uploaded(present) and clients_broken(facts, upload.present)
    _check_may_break(broken, request, upload.present)
    change = _Change(
        numbers=_succeeded(present, uploaded=True),
        words=f"serve your certificate {facts.subject}, issued under {facts.authority}",
        mark=f"upload {facts.sha256} trusted {' '.join(facts.trusted)}",
        way=way_between(instance, upload.present, facts),
        warnings=(*_gap(gap), *_trust(request, present, broken=broken), *_upload_words(facts)),
    )
    return _plan(instance, request, change, given)


def _check_clients_log_in(wish: Wish) -> None:
    """With mutual TLS brokers trust the clients' certificates that we issued, and ours only."""
    if wish.mutual_tls:
        raise refusal(
            "source",
            Source.UPLOAD,
            "while mutual TLS is on, clients show certificates of the instance's own authority; "
            "accepted is generate, or set-mutual-tls mutual_tls=off first",
        )


def _plan_return(
    instance: Instance, request: ReplaceCertificates, upload: Upload
) -> CertificatePlan:
    if request.scope is Scope.LEAF:
        raise refusal(
            "scope",
            Scope.LEAF,
            "clients see a user's own certificate, whose authority's key is not here; accepted is "
            "authority, or source upload with the next certificate of that authority",
        )
    _check_may_break(True, request, upload.present)
    present = settled(instance).client_facing
    numbers = _succeeded(present, uploaded=False)
    change = _Change(
        numbers=numbers,
        words=f"serve certificate {numbers.leaf} of the instance's own authority "
        f"{numbers.authority}",
        mark=f"leaf {numbers.leaf} authority {numbers.authority}",
        way=Way.ROLLING,
        warnings=_trust(request, present, broken=True),
    )
    return _plan(instance, request, change, None)


def _plan(
    instance: Instance,
    request: ReplaceCertificates,
    change: _Change,
    given: UploadedCertificates | None,
) -> CertificatePlan:
    wish = _wished(instance, change)
    if change.live:
        check_every_broker(instance, "certificates are changed")
    else:
        check_answering(instance)
    due = () if change.live else _due(instance, wish)
    felt = impact_on(instance, due)
    check_at_risk(felt, request.at_risk, len(instance.brokers))
    drops = change.numbers.overlaps and request.overlap == 0
    steps = (
        *_serving_steps(instance, change),
        *closing_steps(instance, felt, request.at_risk),
        *(dropping_steps(instance, change.numbers) if drops else ()),
    )
    return CertificatePlan(
        f"Replace the certificates of {instance.name}",
        steps,
        (*change.warnings, *felt_with(felt, request.at_risk).sentences),
        instance=instance,
        wish=wish,
        due=due,
        at_risk=request.at_risk,
        stall_budget=request.stall_budget,
        pace=request.pace,
        drops_after=drops,
        overlap_days=request.overlap,
        rolls=not change.live,
        upload=given,
    )


def _due(instance: Instance, wish: Wish) -> tuple[int, ...]:
    """Who is to start: also one that was on its way back to its old stores when it was cut off."""
    state = instance.cluster
    return tuple(
        each.id
        for each in instance.brokers
        if is_due(each, wish) or (state is not None and is_left_out(each.id, state))
    )


def _wished(instance: Instance, change: _Change) -> Wish:
    """The wish with the new numbers; a roll that was cut off goes on with its generation."""
    wish = settled(instance).model_copy(update={"client_facing": change.numbers})
    if change.live:
        return wish
    begun = instance.wish.client_facing.model_copy(update={"overlap_until": None})
    source = instance.wish if begun in (change.numbers, change.numbers.settled()) else None
    generations = source or raised(instance)
    return wish.model_copy(
        update={"start_generation": generations.start_generation, "broker_generations": ()}
    )


def _succeeded(present: Certificates, *, uploaded: bool) -> Certificates:
    if present.overlaps:
        raise refusal(
            "source" if uploaded else "scope",
            Source.UPLOAD if uploaded else Scope.AUTHORITY,
            f"clients may still trust authority {present.trusted[0]} as well as "
            f"{present.authority}; finish-certificate-overlap comes first",
        )
    return present.succeeded(uploaded=uploaded)


def _check_may_break(
    broken: bool, request: ReplaceCertificates, present: UploadFacts | None
) -> None:
    if broken and not request.accept_client_break:
        authority = present.authority if present else "the present authority"
        raise Refused(
            f"accept_client_break: clients that trust only {authority} are refused from the moment "
            "their broker serves the new certificate, because that authority's key is a user's and "
            "cannot sign a successor here; accepted is accept_client_break=true, once every client "
            "trusts the new authority too"
        )


def _serving_steps(instance: Instance, change: _Change) -> Iterator[PlannedStep]:
    for broker, listener in client_listeners(instance):
        yield PlannedStep(
            f"broker {broker.id} {listener.name}", f"{change.words} ({change.way})", change.mark
        )


def _trust(request: ReplaceCertificates, present: Certificates, *, broken: bool) -> tuple[str, ...]:
    if broken:
        return (
            "clients that trust only the present authority are refused, broker by broker, from "
            "this run on; it was accepted",
            BLIND,
        )
    if _is_uploaded(present):
        return ()
    if request.overlap == 0:
        return ("the old authority is dropped in the same run", BLIND)
    return (
        f"for {request.overlap:g} days clients connect with the old authority as well as with "
        "yours; give them the new bundle, in which both are, before that",
        BLIND,
    )


def _upload_words(facts: UploadFacts) -> tuple[str, ...]:
    return (
        f"it holds until {facts.not_after:%Y-%m-%d}; the product cannot renew it, only warn",
        "it serves every broker until the next one: new brokers and addresses need another upload, "
        "or a yes to the missing name",
    )


def _gap(gap: tuple[str, ...]) -> tuple[str, ...]:
    if not gap:
        return ()
    return (f"the certificate is not for {', '.join(gap)}: clients that check names fail there",)


def _is_uploaded(numbers: Certificates) -> bool:
    return numbers.authority in numbers.uploaded


def _same(facts: UploadFacts, present: UploadFacts) -> bool:
    return facts.sha256 == present.sha256 and set(facts.trusted) == set(present.trusted)


def way_between(instance: Instance, before: UploadFacts | None, after: UploadFacts | None) -> Way:
    """The way from one certificate to the other; None stands for the instance's own ones."""
    if before is None and after is None:
        return Way.NEW_FILE
    if before is None or after is None or before.subject != after.subject:
        return Way.ROLLING
    return way_to_names(instance.wish.release, before.names, after.names)
