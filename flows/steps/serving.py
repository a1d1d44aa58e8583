"""Certificates on brokers that run: told, proved to be served, and only then in the file.

A broker goes by what it was told (ZooKeeper keeps it) before its file, also when it starts; so a
difference between the two is a change that was cut off, and the next run finishes it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

from certs.facts import describe
from certs.own_stores import keystore_chain
from flows.adapters.site import Site
from flows.domain.errors import EffectFailed, GateTimeout
from flows.domain.firewall import open_to_product
from flows.domain.host_files import HostFile, properties_file, store_file, store_files
from flows.domain.host_secrets import ListenerStores, Store
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import ListenerName
from flows.domain.served import differs
from flows.domain.served_elsewhere import Place, by_network, differs_there, places_elsewhere
from flows.domain.server_properties import locations_due, store_locations
from flows.domain.vantage import Answer, no_vantage
from flows.steps.believing import disbelieved
from flows.steps.certificates import known_stores, listener_stores
from flows.steps.delivery import host_secrets, put_files
from flows.steps.hosts import on_each
from flows.steps.names_in_use import Stores, Wished, adopt_names, at_rest, names_of, told_to
from flows.steps.probe_certificate import shown_at
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
def serve_more_names(site: Site, instance: Instance, listeners: Listeners) -> None:
    """On every broker these listeners serve what the wish says, as with `serve_live`.

    All brokers at once where names are only added: who takes the present certificate by one of its
    names takes the new one as well, and a broker that keeps the old one harms nobody. The present
    one is that of the last change that came to its end; a run that was cut off may have remembered
    names that no broker has heard of.
    """
    before = at_rest(instance)
    wished = _wished(site, instance, instance.brokers, listeners)
    together = all(
        _only_adds(known_stores(site, before, broker), stores) for broker, stores in wished
    )
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
    if due:
        _tell(site, instance, begun, due)
        wait(site, served(instance, due))


def served(instance: Instance, wished: Wished) -> Gate:
    """The brokers serve the whole chain of each of these stores, wherever clients come by."""
    here = _served_here(instance, wished)
    return replace(
        here, reason=lambda site: here.reason(site) or _serve_elsewhere(site, instance, wished)
    )


def _served_here(instance: Instance, wished: Wished) -> Gate:
    """The same at the brokers' own addresses: what they were told they serve some seconds later."""
    first, *others = [str(broker.id) for broker, _ in wished]
    one, many = f"broker {first} serves its", f"brokers {', '.join([first, *others])} serve their"
    return Gate(
        f"{many if others else one} certificates",
        SERVED_SECONDS,
        lambda site: _all(on_each(lambda each: _serves(site, instance, *each), wished)),
    )


def check_served(site: Site, instance: Instance, broker: Broker, listeners: Listeners) -> None:
    """These listeners of the broker serve what the wish says; GateTimeout when they do not."""
    wait(site, served(instance, _wished(site, instance, (broker,), listeners)))


def name_stores(site: Site, instance: Instance, broker: Broker) -> None:
    """A broker that is down was told the stores of the wish, if it was ever told any.

    What ZooKeeper says comes before the file: it would start with the old ones, or not at all.
    """
    known = told_to(broker, site.zookeeper.broker_configs(instance))
    due = locations_due(known, listener_stores(site, instance, broker))
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
    _tell(site, instance, before, due)
    try:
        wait(site, served(instance, due))
    except GateTimeout as silence:
        raise EffectFailed(f"{silence}; {_undone(site, instance, before, due)}") from None


def _due(site: Site, instance: Instance, wished: Wished) -> Wished:
    """Those that do not serve their stores, or may not: what is not seen is told again."""
    lacks = on_each(lambda each: _serves(site, instance, *each), wished)
    otherwise = _told_otherwise(site, instance, wished)
    return [
        each
        for each, lack in zip(wished, lacks, strict=True)
        if lack or _unseen(instance, *each) or each[0].id in otherwise
    ]


def _told_otherwise(site: Site, instance: Instance, wished: Wished) -> Collection[int]:
    """Brokers that were cut off between two paths: one in use may hold what is wished already."""
    if instance.wish.release.more_names_live:
        return ()
    configs = site.zookeeper.broker_configs(instance)
    return [
        broker.id for broker, stores in wished if locations_due(told_to(broker, configs), stores)
    ]


def _tell(site: Site, instance: Instance, before: Instance, wished: Wished) -> None:
    if not instance.wish.release.more_names_live:
        adopt_names(site, instance, before, wished)
    on_each(lambda each: _name_files(site, instance, *each), wished)


def _name_files(site: Site, instance: Instance, broker: Broker, stores: Stores) -> None:
    site.kafka.alter_broker(instance, broker.id, store_locations(stores))


def _undone(site: Site, instance: Instance, before: Instance, wished: Wished) -> str:
    """What became of brokers that were not seen to serve their stores in time, in words."""
    if _adds_names(site, before, wished):
        # Kafka 2.7 would refuse it, and it would spare nobody anything.
        return "nothing was put back, since the new certificates have all names of the old ones"
    # Whatever becomes of it is said beside what went wrong, not instead of it.
    old = [(each, _chosen(known_stores(site, before, each), stores)) for each, stores in wished]
    try:
        _put_back(site, instance, before, old)
    except EffectFailed as refusal:
        return f"not every broker took its old stores again: {refusal}"
    whose = "they were told their" if len(wished) > 1 else "it was told its"
    try:
        wait(site, _served_here(before, old))
    except GateTimeout as silence:
        return f"{whose} old stores again, but {silence}"
    return f"{whose} old stores again"


def _put_back(site: Site, instance: Instance, before: Instance, old: Wished) -> None:
    if not before.wish.release.more_names_live:
        # They may have been overwritten.
        files = {broker.id: _key_stores(stores) for broker, stores in old}
        put_files(site, [broker for broker, _ in old], lambda broker: files[broker.id])
    _tell(site, before, instance, old)


def _key_stores(stores: Stores) -> list[HostFile]:
    return [store_file(pair.keystore) for pair in stores.values()]


def _serves(site: Site, instance: Instance, broker: Broker, wished: Stores) -> str | None:
    for listener in open_to_product(instance, broker):
        if listener.name in wished:
            store = wished[listener.name].keystore
            found = site.tls.served(
                str(broker.address), listener.port, client=shown_at(site, instance, listener)
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
    return _all(_seen_from(site, instance, found, chains) for found in by_network(places).values())


def _seen_from(
    site: Site,
    instance: Instance,
    places: Sequence[Place],
    chains: Mapping[tuple[int, ListenerName], Sequence[bytes]],
) -> str | None:
    """Which of these places, all of one network, serve another chain; one question."""
    network = places[0].network
    vantage = site.vantages.of(network)
    if vantage is None:
        for place in places:
            site.stage.say(f"{place.listener} at {place.address.words}: {no_vantage(network)}")
        return None
    answers = vantage.ask(instance, [place.address for place in places])
    return _all(
        _differs_at(place, answer, chains[place.broker, place.listener])
        for place, answer in zip(places, answers, strict=True)
    )


def _differs_at(place: Place, answer: Answer, chain: Sequence[bytes]) -> str | None:
    reason = differs_there(answer, chain)
    where = f"seen from {place.network} at {place.address.words}"
    return f"broker {place.broker} {place.listener}, {where}: {reason}" if reason else None


def _all(reasons: Iterable[str | None]) -> str | None:
    """Every reason that there is: a sentence names each broker that it is about."""
    return "; ".join(reason for reason in reasons if reason) or None


def _unseen(instance: Instance, broker: Broker, wished: Stores) -> bool:
    """Whether a listener is closed to the product: what it was told is told again."""
    seen = {each.name for each in open_to_product(instance, broker)}
    return not seen.issuperset(wished)


def _adds_names(site: Site, before: Instance, wished: Wished) -> bool:
    """Whether certificates only add names, and at least one of them does."""
    kept = {broker.id: known_stores(site, before, broker) for broker, _ in wished}
    return all(_only_adds(kept[broker.id], stores) for broker, stores in wished) and any(
        names_of(kept[broker.id][name].keystore) != names_of(pair.keystore)
        for broker, stores in wished
        for name, pair in stores.items()
    )


def _only_adds(used: Stores, wished: Stores) -> bool:
    """Whether every certificate is of who signed the present one, for at least its names."""
    return all(
        name in used
        and names_of(used[name].keystore) <= names_of(pair.keystore)
        and _issuer(used[name].keystore) == _issuer(pair.keystore)
        for name, pair in wished.items()
    )


def _issuer(store: Store) -> str:
    return describe(keystore_chain(store.content, store.password)[0]).issuer


def _chosen(
    stores: Mapping[ListenerName, ListenerStores], listeners: Listeners
) -> dict[ListenerName, ListenerStores]:
    return {name: pair for name, pair in stores.items() if name in listeners}
