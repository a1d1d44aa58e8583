"""The configuration of a ZooKeeper node: a login for clients and one for quorum members."""

from __future__ import annotations

from flows.domain import paths
from flows.domain.host_secrets import HostSecrets
from flows.domain.instance import Broker, Instance
from flows.domain.listeners import (
    ZOOKEEPER_CLIENT_PORT,
    ZOOKEEPER_ELECTION_PORT,
    ZOOKEEPER_PEER_PORT,
)

LOGIN = "kafka"
_DIGEST = "org.apache.zookeeper.server.auth.DigestLoginModule required"


def zoo_cfg(instance: Instance, broker: Broker) -> str:
    """`zoo.cfg` of one node."""
    servers = [
        f"server.{member.id}={member.address}:{ZOOKEEPER_PEER_PORT}:{ZOOKEEPER_ELECTION_PORT}"
        for member in instance.ensemble
    ]
    return "\n".join([*_node(broker), *_login(), *_quorum_login(), *servers]) + "\n"


def my_id(broker: Broker) -> str:
    """The node's number in the ensemble."""
    return f"{broker.id}\n"


def zookeeper_jaas(secrets: HostSecrets) -> str:
    """Logins that the server knows and the ones its peers show.

    `user_super` must always be defined: ZooKeeper 3.8.6 checks a name that is not listed with the
    password of whoever logged in last, so an undefined `super` could be taken by any login.
    """
    server = (
        f'user_super="{secrets.zookeeper_super_password}" '
        f'user_{LOGIN}="{secrets.zookeeper_password}"'
    )
    peer = secrets.zookeeper_peer_password
    return (
        f"Server {{ {_DIGEST} {server}; }};\n"
        f'QuorumServer {{ {_DIGEST} user_zkpeer="{peer}"; }};\n'
        f'QuorumLearner {{ {_DIGEST} username="zkpeer" password="{peer}"; }};\n'
    )


def kafka_jaas(secrets: HostSecrets) -> str:
    """The login that a broker shows to ZooKeeper."""
    login = f'username="{LOGIN}" password="{secrets.zookeeper_password}"'
    return f"Client {{ {_DIGEST} {login}; }};\n"


def _node(broker: Broker) -> list[str]:
    return [
        "tickTime=2000",
        "initLimit=10",
        "syncLimit=5",
        f"dataDir={paths.ZOOKEEPER_DATA}",
        f"clientPort={ZOOKEEPER_CLIENT_PORT}",
        f"clientPortAddress={broker.address}",
        "maxClientCnxns=0",
        "4lw.commands.whitelist=srvr,ruok,mntr",
        "admin.enableServer=false",
        "autopurge.snapRetainCount=3",
        "autopurge.purgeInterval=12",
    ]


def _login() -> list[str]:
    return [
        "authProvider.1=org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
        "sessionRequireClientSASLAuth=true",
    ]


def _quorum_login() -> list[str]:
    return [
        "quorum.auth.enableSasl=true",
        "quorum.auth.learnerRequireSasl=true",
        "quorum.auth.serverRequireSasl=true",
        "quorum.auth.learner.loginContext=QuorumLearner",
        "quorum.auth.server.loginContext=QuorumServer",
        "quorum.cnxn.threads.size=20",
    ]
