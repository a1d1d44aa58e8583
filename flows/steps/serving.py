"""Certificates on brokers that run: told, proved to be served, and only then in the file.

A broker goes by what it was told (ZooKeeper keeps it) before its file, also when it starts; so a
difference between the two is a change that was cut off, and the next run finishes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from certs.facts import describe
from certs.leaf import Leaf
from certs.own_stores import keystore_chain
from flows.adapters.site import Site
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.firewall import open_to_product
from flows.domain.host_files import HostFile, properties_file, store_file, store_files
from flows.domain.host_secrets import ListenerStores, Store
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import Listener, ListenerName
from flows.domain.served import differs
from flows.domain.served_elsewhere import addresses_elsewhere, differs_there
from flows.domain.server_properties import store_locations
from flows.domain.vantage import no_vantage
from flows.steps.certificates import control_leaf, known_stores, listener_stores
from flows.steps.delivery import host_secrets, put_files
from flows.steps.probe_certificate import probe_leaf
from flows.steps.step import step
from flows.steps.waiting import Gate, wait

SERVED_SECONDS = 20.0
"""A broker acknowledges before it applies: 0.6 to 3.3 s were measured in between."""

Listeners = Collection[ListenerName]


@step("deliver stores to every broker")
def deliver_stores(site: Site, instance: Instance) -> None:
    """Every host holds the stores of the wish beside those that it had; nobody uses them yet."""

    def files(broker: Broker) -> Iterable[HostFile]:
        return store_files(host_secrets(site, instance, broker))

    put_files(site, instance.brokers, files)


@step("name the stores in every broker's file")
def write_stores(site: Site, instance: Instance) -> None:
    """Every broker starts with the stores of the wish from now on."""

    def files(broker: Broker) -> Iterable[HostFile]:
        return (properties_file(instance, broker, host_secrets(site, instance, broker)),)

    put_files(site, instance.brokers, files)


@step("broker {broker.id}: serve its certificates")
def serve_live(
    site: Site, instance: Instance, broker: Broker, listeners: Listeners, before: Instance
) -> None:
    """These listeners serve what the wish says; the stores lie on the host already.

    A broker that is not seen to serve them in time is told its stores of `before` again.
    """
    wished = _chosen(listener_stores(site, instance, broker), listeners)
    if _serves(site, instance, broker, wished) is None and not _unseen(instance, broker, wished):
        return
    if not instance.wish.release.more_names_live:
        _overwrite_in_use(site, before, broker, wished)
    site.kafka.alter_broker(instance, broker.id, store_locations(wished))
    try:
        wait(site, served(instance, broker, wished))
    except GateTimeout as silence:
        _put_back(site, before, broker, listeners)
        raise EffectFailed(f"{silence}; it was told its old stores again") from None


def served(
    instance: Instance, broker: Broker, wished: Mapping[ListenerName, ListenerStores]
) -> Gate:
    """The broker serves the whole chain of each of these stores, wherever clients come by."""
    return Gate(
        f"broker {broker.id} serves its certificates",
        SERVED_SECONDS,
        lambda site: (
            _serves(site, instance, broker, wished)
            or _serves_elsewhere(site, instance, broker, wished)
        ),
    )


def check_served(site: Site, instance: Instance, broker: Broker, listeners: Listeners) -> None:
    """These listeners of the broker serve what the wish says; GateTimeout when they do not."""
    wait(
        site, served(instance, broker, _chosen(listener_stores(site, instance, broker), listeners))
    )


def name_stores(site: Site, instance: Instance, broker: Broker) -> None:
    """A broker that is down was told the stores of the wish, if it was ever told any.

    What ZooKeeper says comes before the file: it would start with the old ones, or not at all.
    """
    told = site.zookeeper.state(instance).broker_configs.get(str(broker.id), {})
    wished = store_locations(listener_stores(site, instance, broker))
    due = {key: path for key, path in wished.items() if told.get(key, path) != path}
    if due:
        site.kafka.configure(instance, {f"brokers/{broker.id}": due})


def _serves(
    site: Site,
    instance: Instance,
    broker: Broker,
    wished: Mapping[ListenerName, ListenerStores],
) -> str | None:
    for listener in open_to_product(instance, broker):
        if listener.name in wished:
            store = wished[listener.name].keystore
            found = site.tls.served(
                str(broker.address), listener.port, client=_shown(site, instance, listener)
            )
            reason = differs(found, keystore_chain(store.content, store.password))
            if reason:
                return f"broker {broker.id} {listener.name}: {reason}"
    return None


def _serves_elsewhere(
    site: Site,
    instance: Instance,
    broker: Broker,
    wished: Mapping[ListenerName, ListenerStores],
) -> str | None:
    """The same at the addresses of other networks, each asked from where its clients are."""
    for name, (network, address) in addresses_elsewhere(instance, broker, wished).items():
        vantage = site.vantages.of(network)
        if vantage is None:
            site.stage.say(f"{name} at {address.words}: {no_vantage(network)}")
            continue
        (answer,) = vantage.ask(instance, [address])
        store = wished[name].keystore
        reason = differs_there(answer, keystore_chain(store.content, store.password))
        if reason:
            return f"broker {broker.id} {name}, seen from {network} at {address.words}: {reason}"
    return None


def _shown(site: Site, instance: Instance, listener: Listener) -> Leaf | None:
    if not listener.for_clients:
        return control_leaf(site, instance)
    return probe_leaf(site, instance) if instance.wish.mutual_tls else None


def _unseen(
    instance: Instance, broker: Broker, wished: Mapping[ListenerName, ListenerStores]
) -> bool:
    """Whether a listener is closed to the product: what it was told is told again."""
    seen = {each.name for each in open_to_product(instance, broker)}
    return not seen.issuperset(wished)


def _overwrite_in_use(
    site: Site, before: Instance, broker: Broker, wished: Mapping[ListenerName, ListenerStores]
) -> None:
    """Where the names change, the stores in use hold what is wished already.

    Older brokers compare the names of a store at a new path with those in the file that they use,
    as it is then, and read that file again when they are told of it once more.
    """
    used = _chosen(known_stores(site, before, broker), wished)
    due = {
        name: replace(wished[name].keystore, file_name=pair.keystore.file_name)
        for name, pair in used.items()
        if _names(pair.keystore) != _names(wished[name].keystore)
    }
    if due:
        files = [store_file(store) for store in due.values()]
        put_files(site, (broker,), lambda _: files)
        site.kafka.alter_broker(
            before, broker.id, store_locations({name: used[name] for name in due})
        )


def _names(store: Store) -> frozenset[str]:
    facts = describe(keystore_chain(store.content, store.password)[0])
    return frozenset((*facts.ip_addresses, *facts.dns_names))


def _put_back(site: Site, before: Instance, broker: Broker, listeners: Listeners) -> None:
    old = _chosen(known_stores(site, before, broker), listeners)
    if not before.wish.release.more_names_live:
        # They may have been overwritten.
        files = [store_file(pair.keystore) for pair in old.values()]
        put_files(site, (broker,), lambda _: files)
    site.kafka.alter_broker(before, broker.id, store_locations(old))


def _chosen(
    stores: Mapping[ListenerName, ListenerStores], listeners: Listeners
) -> dict[ListenerName, ListenerStores]:
    return {name: pair for name, pair in stores.items() if name in listeners}
