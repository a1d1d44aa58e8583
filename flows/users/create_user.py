"""create-user: one more name and password that every broker lets in."""

from __future__ import annotations

from flows.domain.users import CreateUser, UserPlan, plan_user_creation
from flows.procedures.changing import change_life
from flows.procedures.operation import operation
from flows.procedures.remembering import TraceNames
from flows.steps.site import Site
from flows.steps.users import (
    deliver_users,
    logins_accepted,
    tidy_passwords,
    with_wish,
    write_login,
)
from flows.steps.waiting import wait_for
from flows.steps.wishes import remember_wish

TRACES = TraceNames(
    accepted="createUserAccepted",
    refused="createUserFailure",
    done="createUserSuccess",
    failed="createUserFailure",
)


@operation(
    CreateUser,
    plan=plan_user_creation,
    run_name="create user {user} of {instance}",
    life=change_life(TRACES),
)
def create_user(site: Site, plan: UserPlan) -> None:
    """Create a user: SCRAM-SHA-512, and PLAIN where the instance has it, without a restart.

    Done once a login works on every broker. The password is the one that was given, or one that
    `fleet credentials` shows. Safe to run again: it finishes with the password of the first run.
    """
    remember_wish(site, plan.wish)
    instance = with_wish(plan)
    write_login(site, instance, plan.user)
    deliver_users(site, instance, plan.sessions_meanwhile)
    wait_for(site, logins_accepted(instance, plan.user))
    tidy_passwords(site, plan)
