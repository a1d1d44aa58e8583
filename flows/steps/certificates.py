"""Certificates of an instance: its authorities, and a store per broker and listener.

Which ones they are is said by the numbers of the wish (`flows.domain.certificates`); what a number
means is made when it is first asked for. Keys are made here and kept encrypted; the key of an
authority never leaves the control plane.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from hashlib import sha256

from certs.authority import Authority, Kind, cross_sign, new_authority
from certs.facts import describe
from certs.leaf import Leaf, LeafRequest, issue
from certs.names import is_host_address
from certs.own_stores import keystore_leaf
from certs.stores import broker_keystore, broker_truststore
from flows.adapters.secrets.kept import (
    authority_name,
    authority_place,
    certificates,
    control_leaf_name,
    kept,
    read_authority,
    read_leaf,
    read_store,
    read_store_end,
    read_upload,
    trusted_authorities,
    upload_name,
    write_authority,
    write_leaf,
    write_store,
)
from flows.adapters.site import Secrets, Site
from flows.domain.certificates import Certificates
from flows.domain.errors import EffectFailed
from flows.domain.host_secrets import ListenerStores, Store
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import Listener, ListenerName
from flows.domain.wish import Wish
from flows.steps.step import step

LEAF_DAYS = 365
STORE_PASSWORD_CHARACTERS = 40
KINDS: tuple[Kind, ...] = ("internal", "clients")


@step("issue certificates")
def issue_certificates(site: Site, instance: Instance) -> None:
    """All authorities, the product's certificate and a store per broker and listener exist."""
    for kind in KINDS:
        for number in certificates(instance.wish, kind).trusted:
            if number not in certificates(instance.wish, kind).uploaded:
                authority(site, instance, kind, number)
    control_leaf(site, instance)
    for broker in instance.brokers:
        listener_stores(site, instance, broker)


def authority(
    site: Site, instance: Instance, kind: Kind, generation: int | None = None
) -> Authority:
    """The instance's authority of this kind, the present one by default; made if there is none."""
    numbers = certificates(instance.wish, kind)
    number = generation or numbers.authority
    if number in numbers.uploaded:
        raise EffectFailed(
            f"instance {instance.name}: nothing can be signed, because the authority that clients "
            "trust is a user's own and its key is not here"
        )

    def make() -> str:
        now = site.clock.now()
        return write_authority(new_authority(kind, instance.organization, number, now))

    return read_authority(_keep(site, authority_name(kind, number), make))


def authority_end(secrets: Secrets, instance_id: str, wish: Wish, kind: Kind) -> datetime | None:
    """When the authority that signs now ends; None before it was made, or if it is a user's."""
    text = secrets.get(instance_id, authority_name(kind, certificates(wish, kind).authority))
    return describe(read_authority(text).certificate_pem).not_after if text else None


def control_leaf(site: Site, instance: Instance) -> Leaf:
    """The product's certificate; made when there is none."""
    text = _keep(
        site,
        control_leaf_name(instance.wish),
        lambda: write_leaf(_new_control_leaf(site, instance)),
    )
    return read_leaf(text)


def listener_stores(
    site: Site, instance: Instance, broker: Broker
) -> dict[ListenerName, ListenerStores]:
    """The stores of every secured listener of a broker; made when there are none."""
    return {
        listener.name: ListenerStores(
            _keystore(site, instance, broker, listener),
            # Also where clients log in with passwords: mutual TLS can be switched on at any time,
            # and a store's password cannot be told to a broker that runs.
            truststore(site, instance, _kind(listener)),
        )
        for listener in instance.listeners(broker)
        if listener.secured
    }


def known_stores(
    site: Site, instance: Instance, broker: Broker
) -> dict[ListenerName, ListenerStores]:
    """Those stores of a broker that were made and are still kept; none is made."""
    found = {}
    for listener in instance.listeners(broker):
        names = _store_name(instance, broker, listener), _trust_name(instance, _kind(listener))
        key, trust = (site.secrets.get(instance.id, name) for name in names)
        if listener.secured and key and trust:
            found[listener.name] = ListenerStores(read_store(key), read_store(trust))
    return found


def truststore(site: Site, instance: Instance, kind: Kind) -> Store:
    """The store with all authorities of this kind that may be trusted now."""
    numbers = "-".join(map(str, certificates(instance.wish, kind).trusted))
    password = _store_password(site)

    def make() -> str:
        trusted = trusted_authorities(site.secrets, instance, kind)
        content = broker_truststore(trusted, password)
        # Older brokers are told no other path: they read the file again with a new key store.
        mark = f"-{numbers}" if instance.wish.release.rotates_live else ""
        store = Store(f"{kind}-trust{mark}.p12", content, password)
        return write_store(store, _first_end(trusted))

    return read_store(_keep(site, _trust_name(instance, kind), make))


def certificate_ends(secrets: Secrets, instance: Instance) -> dict[str, datetime]:
    """What each certificate is for -> when it expires, of those that were made."""
    found = {
        f"{kind} authority": authority_end(secrets, instance.id, instance.wish, kind)
        for kind in KINDS
    }
    ends = {name: end for name, end in found.items() if end is not None}
    for broker in instance.brokers:
        for listener in instance.listeners(broker):
            text = secrets.get(instance.id, _store_name(instance, broker, listener))
            if text:
                ends[f"broker {broker.id} {listener.name}"] = read_store_end(text)
    return ends


def stores_gone(site: Site, instance: Instance) -> tuple[str, ...]:
    """What serves clients as it is wished, was made once and is kept no more: keys, authorities."""
    numbers = instance.wish.client_facing
    places = {
        f"authority {number}": authority_place(numbers, "clients", number)
        for number in numbers.trusted
    } | {
        f"broker {broker.id} {listener.name}": _store_name(instance, broker, listener)
        for broker in instance.brokers
        for listener in instance.listeners(broker)
        if listener.secured
    }
    kept = {place for place, name in places.items() if site.secrets.get(instance.id, name)}
    return tuple(place for place in places if place not in kept)


@step("forget the certificates that were taken back")
def forget_taken_back(site: Site, begun: Instance, after: Instance) -> None:
    """Keys that were made for a change which was taken back are nowhere kept."""
    numbers, before = begun.wish.client_facing, after.wish.client_facing
    crossed = numbers.model_copy(update={"trusted": (before.authority, numbers.authority)})
    # What is crossed first may be dropped in the same run: either can have been made.
    for each in (crossed, numbers.settled()):
        wish = begun.wish.model_copy(update={"client_facing": each})
        forget_superseded(site, replace(begun, wish=wish), after)


def forget_superseded(site: Site, before: Instance, after: Instance) -> None:
    """Keys that served as `before` was wished, and no more do, are nowhere kept."""
    used = set(_key_names(after))
    for name in _key_names(before):
        if name not in used:
            site.secrets.drop(site.instance_id, name)


def _key_names(instance: Instance) -> Iterable[str]:
    yield control_leaf_name(instance.wish)
    for kind in KINDS:
        for number in certificates(instance.wish, kind).trusted:
            yield authority_name(kind, number)
            yield upload_name(number)
    for broker in instance.brokers:
        for listener in instance.listeners(broker):
            yield _store_name(instance, broker, listener)


def _keystore(site: Site, instance: Instance, broker: Broker, listener: Listener) -> Store:
    password = _store_password(site)
    crossed = _crossed(instance, listener)
    cross = _cross_certificate(site, instance, listener, crossed) if crossed else None

    def make() -> str:
        leaf = _leaf(site, instance, broker, listener)
        if cross is not None:
            leaf = replace(leaf, chain=(*leaf.chain, cross))
        serial = describe(leaf.certificate_pem).serial
        mark = f"-x{crossed}" if crossed else ""
        name = f"{listener.name.lower()}-{serial:x}{mark}.p12"
        store = Store(name, broker_keystore(leaf, password), password)
        return write_store(store, _first_end((leaf.certificate_pem, *leaf.chain)))

    return read_store(_keep(site, _store_name(instance, broker, listener), make))


def _leaf(site: Site, instance: Instance, broker: Broker, listener: Listener) -> Leaf:
    """The certificate that is wished, without a cross certificate; the same as long as it is."""
    numbers = _numbers(instance, listener)
    if numbers.authority in numbers.uploaded:
        upload = read_upload(kept(site.secrets, instance, upload_name(numbers.authority)))
        return Leaf(upload.chain[0], upload.key, upload.chain[1:])
    for name in _crossed_names(instance, broker, listener):
        text = site.secrets.get(instance.id, name)
        if text:
            store = read_store(text)
            return replace(keystore_leaf(store.content, store.password), chain=())
    signer = authority(site, instance, _kind(listener), numbers.authority)
    return issue(signer, _request(instance, listener), site.clock.now(), LEAF_DAYS)


def _request(instance: Instance, listener: Listener) -> LeafRequest:
    names = sorted(listener.certificate_names)
    return LeafRequest(
        common_name="broker",
        organization=instance.organization,
        ip_addresses=tuple(name for name in names if is_host_address(name)),
        dns_names=tuple(name for name in names if not is_host_address(name)),
        server=True,
        client=not listener.for_clients,
    )


def _cross_certificate(site: Site, instance: Instance, listener: Listener, old: int) -> bytes:
    """The present authority signed by the old one."""
    kind, numbers = _kind(listener), _numbers(instance, listener)
    # Never made anew: clients would not know it.
    signer = read_authority(kept(site.secrets, instance, authority_name(kind, old)))

    def make() -> str:
        new = trusted_authorities(site.secrets, instance, kind)[1]
        return cross_sign(new, signer).decode()

    name = f"{kind}-cross-{old}-{numbers.authority}"
    return _keep(site, name, make).encode()


def _trust_name(instance: Instance, kind: Kind) -> str:
    return f"store-{kind}-trust-{'-'.join(map(str, certificates(instance.wish, kind).trusted))}"


def _crossed(instance: Instance, listener: Listener) -> int | None:
    """The old authority that signs the present one too, where clients may trust that one alone.

    Brokers and the product trust the new one before anybody shows a certificate of it.
    """
    return _numbers(instance, listener).crossed if listener.for_clients else None


def _store_name(instance: Instance, broker: Broker, listener: Listener) -> str:
    crossed = _crossed(instance, listener)
    return _leaf_name(instance, broker, listener) + (f".x{crossed}" if crossed else "")


def _crossed_names(instance: Instance, broker: Broker, listener: Listener) -> list[str]:
    """Names of the store in which the same certificate may have been served with a cross one."""
    present = _numbers(instance, listener).authority
    name = _leaf_name(instance, broker, listener)
    return [f"{name}.x{old}" for old in range(present - 1, 0, -1)]


def _leaf_name(instance: Instance, broker: Broker, listener: Listener) -> str:
    # Whoever finds the disk of a machine that was replaced shall not hold the keys of the new one.
    generation, numbers = instance.wish.machine_of(broker.id), _numbers(instance, listener)
    place = f"{broker.id}-{_names_in_short(listener)}"
    name = f"store-{listener.name.lower()}-{place}"
    name = name if generation == 1 else f"{name}-{generation}"
    return name if numbers.leaf == 1 else f"{name}.{numbers.authority}.{numbers.leaf}"


def _names_in_short(listener: Listener) -> str:
    """The address of a certificate that has one; a digest of several."""
    names = sorted(listener.certificate_names)
    if len(names) == 1:
        return names[0]
    return sha256("\n".join(names).encode()).hexdigest()[:16]


def _store_password(site: Site) -> str:
    """One for all stores: a broker that is down can be given another store, but no password.

    The file of a store and its password lie side by side in any case.
    """
    return _keep(site, "store-password", lambda: site.clock.token(STORE_PASSWORD_CHARACTERS))


def _first_end(pems: Iterable[bytes]) -> datetime:
    return min(describe(pem).not_after for pem in pems)


def _new_control_leaf(site: Site, instance: Instance) -> Leaf:
    request = LeafRequest(
        common_name="control",
        organization=instance.organization,
        ip_addresses=(),
        dns_names=(),
        server=False,
        client=True,
    )
    return issue(authority(site, instance, "internal"), request, site.clock.now(), LEAF_DAYS)


def _kind(listener: Listener) -> Kind:
    return "clients" if listener.for_clients else "internal"


def _numbers(instance: Instance, listener: Listener) -> Certificates:
    return certificates(instance.wish, _kind(listener))


def _keep(site: Site, name: str, make: Callable[[], str]) -> str:
    return site.secrets.keep(site.instance_id, name, make)
