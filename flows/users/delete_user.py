"""delete-user: the user is nowhere any more, and no broker lets the name in."""

from __future__ import annotations

from flows.domain.users import DeleteUser, UserPlan, plan_user_deletion
from flows.procedures.changing import change_life
from flows.procedures.operation import operation
from flows.procedures.remembering import TraceNames
from flows.steps.client_certificates import revoke
from flows.steps.site import Site
from flows.steps.users import (
    deliver_users,
    end_sessions,
    old_logins_refused,
    remove_login,
    take_permissions,
    tidy_passwords,
    with_wish,
)
from flows.steps.waiting import wait_for
from flows.steps.wishes import remember_wish
from flows.users.subjects import that_had_user

TRACES = TraceNames(
    accepted="deleteUserAccepted",
    refused="deleteUserFailure",
    done="deleteUserSuccess",
    failed="deleteUserFailure",
)


@operation(
    DeleteUser,
    plan=plan_user_deletion,
    run_name="delete user {user} of {instance}",
    life=change_life(TRACES, subject=that_had_user),
)
def delete_user(site: Site, plan: UserPlan) -> None:
    """Delete a user with password, certificates, permissions, quotas and open connections.

    Nothing restarts. Done once every broker refuses the login; client certificates that were issued
    to the user are revoked. A topic that only this user could use stays closed
    until somebody else gets a permission. Safe to run again.
    """
    remember_wish(site, plan.wish)
    instance = with_wish(plan)
    remove_login(site, instance, plan.user)
    if instance.wish.sasl_plain:
        deliver_users(site, instance, plan.sessions_meanwhile)
    wait_for(site, old_logins_refused(plan))
    end_sessions(site, instance)
    revoke(site, instance, plan.revoked)
    take_permissions(site, instance, plan.user)
    tidy_passwords(site, plan)
