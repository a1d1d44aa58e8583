"""Users on the brokers of an instance that runs: written, delivered, proved, taken away."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from flows.adapters.site import Play, Site
from flows.domain.client_certificates import CertificatePlan
from flows.domain.cluster import Login
from flows.domain.errors import EffectFailed
from flows.domain.host_files import as_variable, user_files
from flows.domain.instance import Broker, Instance
from flows.domain.mutual_tls import MutualTlsPlan
from flows.domain.permissions import closed_topic, topics_of_nobody_else, user_path
from flows.domain.users import UserPlan, settled
from flows.domain.wish import User
from flows.steps.delivery import machines_of
from flows.steps.hosts import on_each
from flows.steps.step import step
from flows.steps.user_secrets import (
    forget_given,
    forget_user,
    plain_users,
    present_logins,
    user_scram,
)
from flows.steps.waiting import Gate

LOGIN_SECONDS = 60.0


def with_wish(plan: UserPlan | CertificatePlan | MutualTlsPlan) -> Instance:
    """The instance as it was seen, with what the plan wishes."""
    return replace(plan.instance, wish=plan.wish)


@step("write the login of {name} to ZooKeeper")
def write_login(site: Site, instance: Instance, name: str) -> None:
    """Brokers were told the user's SCRAM value; quotas that lie beside it stay."""
    scram = user_scram(site, instance.wish, _user(instance, name))
    site.zookeeper.merge_config(instance, user_path(name), {"SCRAM-SHA-512": scram})
    site.zookeeper.announce(instance, f"users/{name}")


@step("take the login of {name} out of ZooKeeper")
def remove_login(site: Site, instance: Instance, name: str) -> None:
    """Brokers were told that there is no such user; quotas of the user are gone as well."""
    site.zookeeper.remove(instance, user_path(name))
    site.zookeeper.announce(instance, f"users/{name}")


@step("deliver users to every broker")
def deliver_users(site: Site, instance: Instance, sessions: Iterable[User]) -> None:
    """Every broker reads these users and sessions from now on; nothing is restarted."""
    _deliver(site, instance, sessions)


@step("end open connections")
def end_sessions(site: Site, instance: Instance) -> None:
    """Connections whose number is another one, or gone, are closed at their next request."""
    _deliver(site, instance, instance.wish.users)


def logins_accepted(instance: Instance, name: str) -> Gate:
    """Every broker lets the user in with the present password, by every mechanism."""

    def reason(site: Site) -> str | None:
        logins = present_logins(site, instance, instance.wish, name)
        if not logins:
            raise EffectFailed(f"instance {instance.name}: {name} has no password")
        return _first_other(site, instance, logins, wished=True)

    return Gate(f"every broker lets {name} in", LOGIN_SECONDS, reason)


def old_logins_refused(plan: UserPlan) -> Gate:
    """No broker lets the user in with the password from before."""

    def reason(site: Site) -> str | None:
        old = present_logins(site, plan.instance, settled(plan.instance), plan.user)
        new = present_logins(site, plan.instance, plan.wish, plan.user)
        # Nobody can refuse the old password when somebody chose it again.
        return _first_other(site, plan.instance, set(old) - set(new), wished=False)

    return Gate(f"no broker lets {plan.user} in as before", LOGIN_SECONDS, reason)


@step("take the permissions of {name} away")
def take_permissions(site: Site, instance: Instance, name: str) -> None:
    """No list names the user. A topic that was closed to all others stays closed."""
    alone = topics_of_nobody_else(site.kafka.permissions(instance), name)
    for topic in alone:
        site.kafka.grant(instance, topic, closed_topic(instance))
    site.kafka.revoke(instance, f"User:{name}")
    if alone:
        site.stage.say(f"closed to everybody until somebody gets a permission: {', '.join(alone)}")


@step("forget passwords that are not needed any more")
def tidy_passwords(site: Site, plan: UserPlan) -> None:
    """The password from before is nowhere, and the one that was given only with its user."""
    if plan.before is not None and plan.before != plan.after:
        forget_user(site, settled(plan.instance), plan.before)
    forget_given(site)


def _deliver(site: Site, instance: Instance, sessions: Iterable[User]) -> None:
    files = user_files(plain_users(site, instance.wish), sessions)
    secrets = {"host_secret_files": [as_variable(file) for file in files]}
    machines = machines_of(instance)
    site.ansible.play(
        Play(
            playbook="deliver_users.yml",
            machines=machines,
            epoch=site.epoch,
            variables={},
            secrets={machine.name: secrets for machine in machines},
        )
    )


def _first_other(
    site: Site, instance: Instance, logins: Iterable[Login], *, wished: bool
) -> str | None:
    """A broker that answers a login otherwise than wished, in one sentence.

    Where clients show certificates nobody logs in, so there is nothing to hear.
    """
    if instance.wish.mutual_tls:
        return None
    tries = [(broker, login) for broker in instance.brokers for login in logins]

    def other(one: tuple[Broker, Login]) -> bool:
        return site.kafka.accepts(instance, *one) is not wished

    for (broker, login), differs in zip(tries, on_each(other, tries), strict=True):
        if differs:
            verb = "does not let" if wished else "still lets"
            return f"broker {broker.id} {verb} {login.user} in by {login.mechanism}"
    return None


def _user(instance: Instance, name: str) -> User:
    found = instance.wish.user(name)
    assert found is not None, "a plan names only users of its wish"
    return found
