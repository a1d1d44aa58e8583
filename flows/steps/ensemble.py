"""ZooKeeper's ensemble: its quorum, and what is written there before the first broker starts."""

from __future__ import annotations

from contextlib import AbstractContextManager

from flows.adapters.secrets.kept import PROBE_PASSWORD
from flows.adapters.site import Site
from flows.domain.gates import quorum_missing
from flows.domain.instance import Instance
from flows.domain.names import PROBE_USER
from flows.domain.permissions import permission_nodes, user_node, user_parents
from flows.domain.scram import scram_value
from flows.steps.probe_certificate import have_probe_leaf
from flows.steps.step import step
from flows.steps.user_secrets import SALT_CHARACTERS, user_scram
from flows.steps.waiting import Gate

QUORUM_SECONDS = 60.0


def ensemble_serves(instance: Instance) -> Gate:
    """Every ZooKeeper node serves as a member of the quorum."""
    return Gate(
        "ZooKeeper's ensemble serves",
        QUORUM_SECONDS,
        lambda site: quorum_missing(site.zookeeper.serving(instance)),
    )


def staying_connected(site: Site, instance: Instance) -> AbstractContextManager[None]:
    """Whatever is asked inside goes through one session, which costs a tenth of many."""
    return site.zookeeper.staying_connected(instance)


@step("write permissions and users")
def write_permissions_and_users(site: Site, instance: Instance) -> None:
    """Cluster permissions, all users and the probe are in force at the first start."""
    wish = instance.wish
    scrams = [user_node(user.name, user_scram(site, wish, user)) for user in wish.users]
    probe = [user_node(PROBE_USER, _probe_scram(site))] if wish.users else []
    site.zookeeper.write(instance, (*permission_nodes(instance), *user_parents(), *scrams, *probe))


@step("make a new password for the probe")
def renew_probe_password(site: Site, instance: Instance) -> None:
    """The probe logs in with a password that nobody had before; where there are users at all.

    Where clients show certificates it has one of its own.
    """
    if not instance.wish.users:
        return
    password = site.clock.password(24)
    scram = scram_value(password, site.clock.token(SALT_CHARACTERS).encode())
    site.secrets.put(site.instance_id, PROBE_PASSWORD, password)
    site.secrets.put(site.instance_id, f"scram-{PROBE_USER}", scram)
    site.zookeeper.write(instance, (*user_parents(), user_node(PROBE_USER, scram)))
    site.zookeeper.announce(instance, f"users/{PROBE_USER}")
    have_probe_leaf(site, instance)


def _probe_scram(site: Site) -> str:
    probe = site.secrets.keep(site.instance_id, PROBE_PASSWORD, lambda: site.clock.password(24))

    def make() -> str:
        return scram_value(probe, site.clock.token(SALT_CHARACTERS).encode())

    return site.secrets.keep(site.instance_id, f"scram-{PROBE_USER}", make)
