"""ZooKeeper's configuration: two logins, an ensemble of three, nothing for strangers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given

from flows.domain.host_secrets import HostSecrets
from flows.domain.instance import Instance
from flows.domain.zookeeper_config import kafka_jaas, my_id, zoo_cfg, zookeeper_jaas
from tests.domain.samples import SELDOM, host_secrets, instance, instances

SECRETS = host_secrets(instance(), instance().brokers[0])


def settings(whole: Instance, number: int = 1) -> dict[str, str]:
    """`zoo.cfg` of a broker's node as keys and values."""
    text = zoo_cfg(whole, whole.brokers[number - 1])
    return dict(line.split("=", 1) for line in text.splitlines())


@SELDOM
@given(instances())
def test_the_ensemble_is_the_first_three_brokers_by_address(whole: Instance) -> None:
    for broker in whole.ensemble:
        found = settings(whole, broker.id)
        servers = {key: value for key, value in found.items() if key.startswith("server.")}
        assert servers == {
            f"server.{member.id}": f"{member.address}:2888:3888" for member in whole.brokers[:3]
        }
        assert found["clientPortAddress"] == broker.address
        assert my_id(broker) == f"{broker.id}\n"


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        (
            "authProvider.1",
            "org.apache.zookeeper.server.auth.SASLAuthenticationProvider",
            "without it and with the next line nobody gets in, the login neither",
        ),
        ("sessionRequireClientSASLAuth", "true", "a session without the login is closed"),
        ("quorum.auth.enableSasl", "true", "nobody joins the ensemble by reaching its port"),
        ("quorum.auth.learnerRequireSasl", "true", "the same"),
        ("quorum.auth.serverRequireSasl", "true", "the same"),
        ("quorum.auth.learner.loginContext", "QuorumLearner", "a login of its own"),
        ("quorum.auth.server.loginContext", "QuorumServer", "a login of its own"),
        ("dataDir", "/srv/kafka/zookeeper", "on the data disk"),
        ("admin.enableServer", "false", "it would listen on 8080"),
        ("4lw.commands.whitelist", "srvr,ruok,mntr", "what the product asks, and no more"),
        ("autopurge.snapRetainCount", "3", "snapshots must not fill the disk"),
    ],
)
def test_each_setting_that_closes_or_keeps_something(key: str, value: str, reason: str) -> None:
    assert settings(instance())[key] == value, reason


def sections(text: str) -> dict[str, dict[str, str]]:
    """A JAAS file as section -> option -> value; each module is the digest one."""
    module = "org.apache.zookeeper.server.auth.DigestLoginModule required"
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(rf"(\w+) \{{ {re.escape(module)} (.*); \}};", line)
        assert match, line
        found[match[1]] = dict(re.findall(r'(\w+)="([^"]*)"', match[2]))
    return found


def test_super_is_always_defined() -> None:
    """ZooKeeper 3.8.6 checks a name that is not listed with the last login's password."""
    server = sections(zookeeper_jaas(SECRETS))["Server"]
    assert server == {
        "user_super": SECRETS.zookeeper_super_password,
        "user_kafka": SECRETS.zookeeper_password,
    }


def test_members_show_one_another_a_login_that_is_no_clients() -> None:
    found = sections(zookeeper_jaas(SECRETS))
    peer = SECRETS.zookeeper_peer_password
    assert found["QuorumServer"] == {"user_zkpeer": peer}
    assert found["QuorumLearner"] == {"username": "zkpeer", "password": peer}
    assert "user_zkpeer" not in found["Server"]


def test_a_broker_shows_the_login_that_the_ensemble_knows() -> None:
    assert sections(kafka_jaas(SECRETS)) == {
        "Client": {"username": "kafka", "password": SECRETS.zookeeper_password}
    }


def test_the_configuration_itself_holds_no_secret() -> None:
    text = zoo_cfg(instance(), instance().brokers[0])
    assert "secret" not in text
    assert "secret" not in repr(HostSecrets(**vars(SECRETS)))
