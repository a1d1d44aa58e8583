"""A new instance introduced to the person who asked for it: where it is and how to use it."""

from __future__ import annotations

from flows.domain.instance import Broker, Instance
from flows.domain.listeners import ListenerName


def introduction(instance: Instance) -> str:
    """A page in Markdown: addresses, brokers, logins and what to do next; nothing secret."""
    wish = instance.wish
    release = f"Kafka {wish.release.release}, {wish.flavor}, {len(instance.brokers)} brokers"
    return "\n".join(
        [
            f"# Instance {instance.name}",
            "",
            f"{release} of {wish.storage_per_broker} GB each; id `{instance.id}`.",
            "",
            f"Connect to `{instance.addresses(ListenerName.PRIVATE)}` ({_security(instance)}).",
            "",
            "| broker | address | zone | machine | ZooKeeper |",
            "|---:|---|---|---|---|",
            *(_row(broker) for broker in instance.brokers),
            "",
            *_next_steps(instance),
            "",
        ]
    )


def _security(instance: Instance) -> str:
    if not instance.wish.sasl_ssl:
        return "PLAINTEXT, open to the network"
    return f"SASL_SSL, {' or '.join(instance.wish.mechanisms)}, user {instance.wish.first_user}"


def _row(broker: Broker) -> str:
    machine = broker.machine.name if broker.machine else ""
    node = "yes" if broker.has_zookeeper else "no"
    return f"| {broker.id} | {broker.address} | {broker.zone} | {machine} | {node} |"


def _next_steps(instance: Instance) -> list[str]:
    name = instance.name
    password = [f"- `fleet credentials {name}`: the password of the first user"]
    return [
        f"- `fleet bundle {name} -o DIR`: certificates and ready settings for clients",
        *(password if instance.wish.sasl_ssl else []),
        f"- `fleet show {name}`: everything about it; `fleet logs {name} 1`: what broker 1 logs",
    ]
