"""ZooKeeper's ensemble: its quorum, and what is written there before the first broker starts."""

from __future__ import annotations

from flows.adapters.secrets.kept import PROBE_PASSWORD
from flows.adapters.site import Site
from flows.domain.gates import quorum_missing
from flows.domain.instance import Instance
from flows.domain.names import PROBE_USER
from flows.domain.permissions import permission_nodes, user_node, user_parents
from flows.domain.scram import scram_value
from flows.steps.delivery import first_user_password
from flows.steps.step import step
from flows.steps.waiting import Gate

QUORUM_SECONDS = 60.0
SALT_CHARACTERS = 24


def ensemble_serves(instance: Instance) -> Gate:
    """Every ZooKeeper node serves as a member of the quorum."""
    return Gate(
        "ZooKeeper's ensemble serves",
        QUORUM_SECONDS,
        lambda site: quorum_missing(site.zookeeper.serving(instance)),
    )


@step("write permissions and users")
def write_permissions_and_users(site: Site, instance: Instance) -> None:
    """Cluster permissions, the first user and the probe are in force at the first start."""
    users = _users(site, instance)
    nodes = (*permission_nodes(instance), *user_parents())
    scrams = [user_node(user, _kept_scram(site, user, password)) for user, password in users]
    site.zookeeper.write(instance, (*nodes, *scrams))


def _users(site: Site, instance: Instance) -> list[tuple[str, str]]:
    user = instance.wish.first_user
    if user is None:
        return []
    probe = site.secrets.keep(site.instance_id, PROBE_PASSWORD, lambda: site.clock.password(24))
    return [(user, first_user_password(site, user)), (PROBE_USER, probe)]


def _kept_scram(site: Site, user: str, password: str) -> str:
    # The salt is random, so the value is kept: a second run writes nothing.
    def make() -> str:
        return scram_value(password, site.clock.token(SALT_CHARACTERS).encode())

    return site.secrets.keep(site.instance_id, f"scram-{user}", make)
