"""Certificates on brokers that run: told, proved to be served, and only then in the file.

A broker goes by what it was told (ZooKeeper keeps it) before its file, also when it starts; so a
difference between the two is a change that was cut off, and the next run finishes it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
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
from flows.domain.served_elsewhere import Place, by_network, differs_there, places_elsewhere
from flows.domain.server_properties import store_locations
from flows.domain.vantage import no_vantage
from flows.steps.believing import disbelieved
from flows.steps.certificates import control_leaf, known_stores, listener_stores
from flows.steps.delivery import host_secrets, put_files
from flows.steps.hosts import on_each
from flows.steps.probe_certificate import probe_leaf
from flows.steps.step import step
from flows.steps.waiting import Gate, wait

SERVED_SECONDS = 20.0
"""A broker acknowledges before it applies: 0.6 to 3.3 s were measured in between."""

Listeners = Collection[ListenerName]
Stores = Mapping[ListenerName, ListenerStores]
Wished = Sequence[tuple[Broker, Stores]]
"""Brokers, each with the stores that it is to serve."""


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


@step("broker {broker.id}: start with certificates without the names that were dropped")
def give_stores(site: Site, instance: Instance, broker: Broker) -> None:
    """The host of one broker holds the stores of the wish, and its file names them."""
    secrets = host_secrets(site, instance, broker)
    files = (*store_files(secrets), properties_file(instance, broker, secrets))
    put_files(site, (broker,), lambda _: files)


@step("broker {broker.id}: serve its certificates")
def serve_live(
    site: Site, instance: Instance, broker: Broker, listeners: Listeners, before: Instance
) -> None:
    """These listeners serve what the wish says; the stores lie on the host already.

    A broker that is not seen to serve them in time is told its stores of `before` again.
    """
    _serve(site, instance, _wished(site, instance, (broker,), listeners), before)


@step("every broker: serve certificates with the new names")
def serve_more_names(
    site: Site, instance: Instance, listeners: Listeners, before: Instance
) -> None:
    """On every broker these listeners serve what the wish says, as with `serve_live`.

    All brokers at once where names are only added: who takes the certificate of `before` by one of
    its names takes the new one as well, and a broker that keeps the old one harms nobody.
    """
    wished = _wished(site, instance, instance.brokers, listeners)
    together = all(_only_adds(site, before, *each) for each in wished)
    for batch in [wished] if together else [[each] for each in wished]:
        _serve(site, instance, batch, before)


@step("broker {broker.id}: serve the certificates from before")
def serve_again(
    site: Site, instance: Instance, broker: Broker, listeners: Listeners, begun: Instance
) -> None:
    """These listeners serve what the wish says, in the place of what was `begun` and is taken back.

    Nothing is put back when that is not seen: there is nothing better than what it was before.
    """
    due = _due(site, instance, _wished(site, instance, (broker,), listeners))
    for each in due:
        _tell(site, instance, each, begun)
    if due:
        wait(site, served(instance, due))


def served(instance: Instance, wished: Wished) -> Gate:
    """The brokers serve the whole chain of each of these stores, wherever clients come by."""
    first, *others = [str(broker.id) for broker, _ in wished]
    one, many = f"broker {first} serves its", f"brokers {', '.join([first, *others])} serve their"
    return Gate(
        f"{many if others else one} certificates",
        SERVED_SECONDS,
        lambda site: (
            _first(on_each(lambda each: _serves(site, instance, *each), wished))
            or _serve_elsewhere(site, instance, wished)
        ),
    )


def check_served(site: Site, instance: Instance, broker: Broker, listeners: Listeners) -> None:
    """These listeners of the broker serve what the wish says; GateTimeout when they do not."""
    wait(site, served(instance, _wished(site, instance, (broker,), listeners)))


def name_stores(site: Site, instance: Instance, broker: Broker) -> None:
    """A broker that is down was told the stores of the wish, if it was ever told any.

    What ZooKeeper says comes before the file: it would start with the old ones, or not at all.
    """
    told = site.zookeeper.state(instance).broker_configs.get(str(broker.id), {})
    wished = store_locations(listener_stores(site, instance, broker))
    due = {key: path for key, path in wished.items() if told.get(key, path) != path}
    if due:
        site.kafka.configure(instance, {f"brokers/{broker.id}": due})


def _wished(
    site: Site, instance: Instance, brokers: Iterable[Broker], listeners: Listeners
) -> Wished:
    return [
        (broker, _chosen(listener_stores(site, instance, broker), listeners)) for broker in brokers
    ]


def _serve(site: Site, instance: Instance, wished: Wished, before: Instance) -> None:
    due = _due(site, instance, wished)
    if not due:
        return
    on_each(lambda each: _tell(site, instance, each, before), due)
    try:
        wait(site, served(instance, due))
    except GateTimeout as silence:
        raise EffectFailed(f"{silence}; {_put_all_back(site, instance, before, due)}") from None


def _due(site: Site, instance: Instance, wished: Wished) -> Wished:
    """Who does not serve its stores, or is not seen to."""
    lacks = on_each(_lacking(site, instance), wished)
    return [
        each for each, lack in zip(wished, lacks, strict=True) if lack or _unseen(instance, *each)
    ]


def _put_all_back(site: Site, instance: Instance, before: Instance, wished: Wished) -> str:
    """The brokers were told their stores of `before` again; says so, or why one was not."""
    # A broker refuses a certificate with fewer names than it has served: that is to be said beside
    # what went wrong, not instead of it.
    try:
        on_each(lambda each: _put_back(site, instance, before, each), wished)
    except EffectFailed as refusal:
        return f"not every broker took its old stores again: {refusal}"
    told = "they were told their" if len(wished) > 1 else "it was told its"
    return f"{told} old stores again"


def _tell(site: Site, instance: Instance, wished: tuple[Broker, Stores], before: Instance) -> None:
    broker, stores = wished
    if not instance.wish.release.more_names_live:
        _overwrite_in_use(site, before, broker, stores)
    site.kafka.alter_broker(instance, broker.id, store_locations(stores))


def _lacking(site: Site, instance: Instance) -> Callable[[tuple[Broker, Stores]], str | None]:
    return lambda each: _serves(site, instance, *each)


def _serves(site: Site, instance: Instance, broker: Broker, wished: Stores) -> str | None:
    for listener in open_to_product(instance, broker):
        if listener.name in wished:
            store = wished[listener.name].keystore
            found = site.tls.served(
                str(broker.address), listener.port, client=_shown(site, instance, listener)
            )
            reason = differs(found, keystore_chain(store.content, store.password)) or disbelieved(
                site, instance, listener, found.pems
            )
            if reason:
                return f"broker {broker.id} {listener.name}: {reason}"
    return None


def _serve_elsewhere(site: Site, instance: Instance, wished: Wished) -> str | None:
    """The same at the addresses of other networks, each asked from where its clients are."""
    chains = {
        (broker.id, name): keystore_chain(pair.keystore.content, pair.keystore.password)
        for broker, stores in wished
        for name, pair in stores.items()
    }
    places = [
        place for broker, stores in wished for place in places_elsewhere(instance, broker, stores)
    ]
    return _first(
        _seen_from(site, instance, found, chains) for found in by_network(places).values()
    )


def _seen_from(
    site: Site,
    instance: Instance,
    places: Sequence[Place],
    chains: Mapping[tuple[int, ListenerName], Sequence[bytes]],
) -> str | None:
    """Whether one of these places, all of one network, serves another chain; one question."""
    network = places[0].network
    vantage = site.vantages.of(network)
    if vantage is None:
        for place in places:
            site.stage.say(f"{place.listener} at {place.address.words}: {no_vantage(network)}")
        return None
    answers = vantage.ask(instance, [place.address for place in places])
    for place, answer in zip(places, answers, strict=True):
        reason = differs_there(answer, chains[place.broker, place.listener])
        if reason:
            where = f"seen from {network} at {place.address.words}"
            return f"broker {place.broker} {place.listener}, {where}: {reason}"
    return None


def _first(reasons: Iterable[str | None]) -> str | None:
    return next((reason for reason in reasons if reason), None)


def _shown(site: Site, instance: Instance, listener: Listener) -> Leaf | None:
    if not listener.for_clients:
        return control_leaf(site, instance)
    return probe_leaf(site, instance) if instance.wish.mutual_tls else None


def _unseen(instance: Instance, broker: Broker, wished: Stores) -> bool:
    """Whether a listener is closed to the product: what it was told is told again."""
    seen = {each.name for each in open_to_product(instance, broker)}
    return not seen.issuperset(wished)


def _overwrite_in_use(site: Site, before: Instance, broker: Broker, wished: Stores) -> None:
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


def _only_adds(site: Site, before: Instance, broker: Broker, wished: Stores) -> bool:
    """Whether every certificate is of who signed the present one, for at least its names."""
    used = known_stores(site, before, broker)
    return all(
        name in used
        and _names(used[name].keystore) <= _names(pair.keystore)
        and _issuer(used[name].keystore) == _issuer(pair.keystore)
        for name, pair in wished.items()
    )


def _issuer(store: Store) -> str:
    return describe(keystore_chain(store.content, store.password)[0]).issuer


def _names(store: Store) -> frozenset[str]:
    facts = describe(keystore_chain(store.content, store.password)[0])
    return frozenset((*facts.ip_addresses, *facts.dns_names))


def _put_back(
    site: Site, instance: Instance, before: Instance, wished: tuple[Broker, Stores]
) -> None:
    broker, listeners = wished
    old = _chosen(known_stores(site, before, broker), listeners)
    if not before.wish.release.more_names_live:
        # They may have been overwritten.
        files = [store_file(pair.keystore) for pair in old.values()]
        put_files(site, (broker,), lambda _: files)
    _tell(site, before, (broker, old), instance)


def _chosen(
    stores: Mapping[ListenerName, ListenerStores], listeners: Listeners
) -> dict[ListenerName, ListenerStores]:
    return {name: pair for name, pair in stores.items() if name in listeners}
