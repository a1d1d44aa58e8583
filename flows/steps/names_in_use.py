"""Other names in a certificate, on releases that take them in the file in use only (1.1.0, 2.3.0).

Such a broker compares the names in a store at a new path with those in the file that it uses, as
it is then, and reads that file again when it is told of it once more. So that file is overwritten
first. Which one it is, only what the broker was told says, or how it was wished when it was last
at rest: the wish of a run that was cut off remembers names that no broker has heard of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from certs.facts import describe
from certs.own_stores import keystore_chain
from flows.adapters.site import Site
from flows.domain.firewall import open_to_product
from flows.domain.host_files import HostFile, store_file
from flows.domain.host_secrets import ListenerStores, Store
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import ListenerName
from flows.domain.server_properties import key_store_told, store_locations
from flows.domain.users import settled
from flows.steps.certificates import known_stores
from flows.steps.delivery import put_files
from flows.steps.hosts import on_each
from flows.steps.probe_certificate import shown_at

Stores = Mapping[ListenerName, ListenerStores]
Wished = Sequence[tuple[Broker, Stores]]
"""Brokers, each with the stores that it is to serve."""


def adopt_names(site: Site, instance: Instance, before: Instance, wished: Wished) -> None:
    """Where names change, the stores in use hold what is wished already, and brokers know."""
    used = _files_in_use(site, before, [broker for broker, _ in wished])
    moved = {broker.id: _moved(stores, used[broker.id]) for broker, stores in wished}
    found = {
        broker.id: _differing(site, (instance, before), broker, moved[broker.id])
        for broker, _ in wished
    }
    brokers = [broker for broker, _ in wished if found[broker.id]]

    def files(broker: Broker) -> list[HostFile]:
        return [store_file(pair.keystore) for pair in found[broker.id].values()]

    def tell_again(broker: Broker) -> None:
        site.kafka.alter_broker(instance, broker.id, store_locations(found[broker.id]))

    put_files(site, brokers, files)
    on_each(tell_again, brokers)


def told_to(broker: Broker, configs: Mapping[str, Mapping[str, str]]) -> Mapping[str, str]:
    """What the broker was told at run time, of what ZooKeeper keeps of all."""
    return configs.get(str(broker.id), {})


def names_of(store: Store) -> frozenset[str]:
    """The addresses and names that the certificate of a key store is for."""
    return _names(keystore_chain(store.content, store.password)[0])


def _files_in_use(
    site: Site, instance: Instance, brokers: Sequence[Broker]
) -> dict[int, dict[ListenerName, str]]:
    """The key store of each listener: what was told, or else what the broker started with."""
    configs = site.zookeeper.broker_configs(instance)
    return {
        broker.id: {
            name: key_store_told(told_to(broker, configs), name) or pair.keystore.file_name
            for name, pair in known_stores(site, at_rest(instance), broker).items()
        }
        for broker in brokers
    }


def _moved(stores: Stores, used: Mapping[ListenerName, str]) -> Stores:
    """Key stores under the names of the files in use, where these are other ones."""
    return {
        name: ListenerStores(replace(pair.keystore, file_name=used[name]))
        for name, pair in stores.items()
        if name in used and used[name] != pair.keystore.file_name
    }


def _differing(
    site: Site, wishes: tuple[Instance, Instance], broker: Broker, stores: Stores
) -> Stores:
    """Those of which the certificate in use has other names, by anything that is known of it."""
    instance, before = wishes
    return {
        name: pair
        for name, pair in stores.items()
        if {names_of(pair.keystore)}
        != {*_kept_names(site, before, broker, name), *_served_names(site, instance, broker, name)}
    }


def _kept_names(
    site: Site, before: Instance, broker: Broker, name: ListenerName
) -> list[frozenset[str]]:
    """For what the certificates were that the listener had before, by what is kept of them."""
    kept = (known_stores(site, each, broker) for each in (before, at_rest(before)))
    return [names_of(stores[name].keystore) for stores in kept if name in stores]


def _served_names(
    site: Site, instance: Instance, broker: Broker, name: ListenerName
) -> list[frozenset[str]]:
    """For what the certificate is that is served now, where the product sees it."""
    return [
        _names(
            site.tls.served(
                str(broker.address), each.port, client=shown_at(site, instance, each)
            ).pems[0]
        )
        for each in open_to_product(instance, broker)
        if each.name is name
    ]


def at_rest(instance: Instance) -> Instance:
    """The instance as it was wished when the last change came to its end."""
    return replace(instance, wish=settled(instance))


def _names(pem: bytes) -> frozenset[str]:
    facts = describe(pem)
    return frozenset((*facts.ip_addresses, *facts.dns_names))
