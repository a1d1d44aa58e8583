"""reset-password: another password for a user, in force on every broker before it is reported."""

from __future__ import annotations

from flows.domain.users import ResetPassword, UserPlan, plan_password_reset
from flows.procedures.changing import change_life
from flows.procedures.operation import operation
from flows.procedures.remembering import TraceNames
from flows.steps.site import Site
from flows.steps.users import (
    deliver_users,
    end_sessions,
    logins_accepted,
    old_logins_refused,
    tidy_passwords,
    with_wish,
    write_login,
)
from flows.steps.waiting import wait_for
from flows.steps.wishes import remember_wish
from flows.users.subjects import with_password_for

TRACES = TraceNames(
    accepted="resetDMSInstancePasswordSuccess",
    refused="resetDMSInstancePasswordFailure",
    done="resetDMSInstancePasswordTaskSuccess",
    failed="resetDMSInstancePasswordTaskFailure",
)


@operation(
    ResetPassword,
    plan=plan_password_reset,
    run_name="reset password of {instance}",
    life=change_life(TRACES, subject=with_password_for),
)
def reset_password(site: Site, plan: UserPlan) -> None:
    """Reset the password of a user, by default of the first one, without a restart.

    Done once every broker lets the new password in and refuses the old one. Open connections go
    on, or end at their next request when they are to be dropped. Each request is a reset; one
    that was interrupted is finished by the next one, with the password that it had.
    """
    remember_wish(site, plan.wish)
    instance = with_wish(plan)
    write_login(site, instance, plan.user)
    if instance.wish.sasl_plain:
        deliver_users(site, instance, plan.sessions_meanwhile)
    wait_for(site, logins_accepted(instance, plan.user))
    wait_for(site, old_logins_refused(plan))
    if plan.ends_sessions:
        end_sessions(site, instance)
    tidy_passwords(site, plan)
