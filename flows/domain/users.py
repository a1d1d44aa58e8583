"""create-user, reset-password, delete-user: the requests, and the plans of what they change.

Users are part of the wish. A change first becomes the newest revision and is then carried to
every broker, so whoever makes or replaces a broker meanwhile writes the same users.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import ClassVar

from pydantic import Field, field_validator

from flows.domain.creation import SecretReference
from flows.domain.errors import Refused, refusal
from flows.domain.instance import Broker, Instance, UnitState
from flows.domain.names import check_password, check_user_name
from flows.domain.plan import Plan, PlannedStep
from flows.domain.request import InstanceRequest
from flows.domain.wish import ClientCertificate, User, Wish

MOST_USERS = 20


class UserRequest(InstanceRequest):
    """A request about one user of an instance."""

    user: str = Field(
        title="User",
        description="Name of the user: 4 to 64 letters, digits, - and _, the first one a letter.",
    )

    @field_validator("user")
    @classmethod
    def _name(cls, user: str) -> str:
        check_user_name("user", user)
        return user


class CreateUser(UserRequest):
    """Let one more user log in."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password",)

    password: SecretReference = Field(
        default=None,
        title="Password",
        description="A Secret block: 8 to 32 characters, three kinds of them. "
        "Empty: a password is generated.",
    )

    def check_secrets(self, secrets: Mapping[str, str]) -> None:
        """Refuses a password that breaks SPEC 1.1."""
        for parameter, password in secrets.items():
            check_password(parameter, password, self.user)


class ResetPassword(InstanceRequest):
    """Give a user another password."""

    secret_fields: ClassVar[tuple[str, ...]] = ("password",)

    user: str = Field(
        default="",
        title="User",
        description="Name of the user. Empty: the first user, made with the instance.",
    )
    password: SecretReference = Field(
        default=None,
        title="New password",
        description="A Secret block: 8 to 32 characters, three kinds of them. "
        "Empty: a password is generated.",
    )
    drop_connections: bool = Field(
        default=False,
        title="Drop connections",
        description="End the user's open connections too; without it they go on until the "
        "client closes them.",
    )

    def check_secrets(self, secrets: Mapping[str, str]) -> None:
        """Refuses a password that breaks SPEC 1.1, but for the user's name, if it is not given."""
        for parameter, password in secrets.items():
            check_password(parameter, password, self.user or None)


class DeleteUser(UserRequest):
    """Take a user away, with password, permissions and open connections."""


REVOKED_WORDS = "refuse it on every broker, and end its connections at their next request"


@dataclass(frozen=True)
class UserPlan(Plan):
    """A change of one user: `wish` is what the instance shall be once nobody has the old state."""

    instance: Instance = field(kw_only=True)
    wish: Wish = field(kw_only=True)
    user: str = field(kw_only=True)

    @property
    def before(self) -> User | None:
        """The user as the last operation that succeeded left it."""
        return settled(self.instance).user(self.user)

    @property
    def ends_sessions(self) -> bool:
        """Whether connections that the user has now are to end."""
        before, after = self.before, self.after
        return before is not None and (after is None or after.sessions != before.sessions)

    @property
    def sessions_meanwhile(self) -> tuple[User, ...]:
        """Whose sessions go on until no broker lets the user in as before.

        Otherwise somebody could come in by the old password just after all others went.
        """
        present = settled(self.instance)
        new = tuple(user for user in self.wish.users if user.name not in present.user_names)
        return (*present.users, *new)

    @property
    def after(self) -> User | None:
        """The user as it shall be."""
        return self.wish.user(self.user)

    @property
    def revoked(self) -> tuple[ClientCertificate, ...]:
        """The user's certificates that the plan revokes."""
        held = held_by(settled(self.instance), self.user)
        left = held_by(self.wish, self.user)
        return tuple(each for each in held if each not in left)


def held_by(wish: Wish, user: str) -> tuple[ClientCertificate, ...]:
    """The certificates of the user that are not revoked."""
    issued = wish.client_certificates
    return tuple(each for each in issued if each.user == user and not each.revoked)


def revoking(wish: Wish, certificates: Collection[ClientCertificate]) -> Wish:
    """The wish in which these certificates are revoked; they stay in it, so that they stay so."""
    issued = tuple(
        each.model_copy(update={"revoked": True}) if each in certificates else each
        for each in wish.client_certificates
    )
    return wish.model_copy(update={"client_certificates": issued})


def settled(instance: Instance) -> Wish:
    """The wish to start from: where a change was cut off, the one before it."""
    return instance.settled_wish or instance.wish


def plan_user_creation(instance: Instance, request: CreateUser) -> UserPlan:
    """The user with a login on every broker; nothing when it has one."""
    _check_has_users(instance)
    present = settled(instance)
    title = f"Create user {request.user} of {instance.name}"
    if request.user in present.user_names:
        return UserPlan(title, instance=instance, wish=present, user=request.user)
    _check_room(present)
    check_every_broker(instance)
    new = User(name=request.user, sessions=present.last_sessions + 1)
    wish = _with_users(present, (*present.users, new))
    steps = _login_steps(instance, request.user, "create")
    return UserPlan(title, steps, instance=instance, wish=wish, user=request.user)


def plan_password_reset(instance: Instance, request: ResetPassword) -> UserPlan:
    """A new password on every broker; each request is a reset, a cut-off one is finished."""
    _check_has_users(instance)
    present = settled(instance)
    name = request.user or str(present.first_user)
    user = present.user(name)
    if user is None:
        raise _unknown(present, name)
    check_every_broker(instance)
    sessions = present.last_sessions + 1 if request.drop_connections else user.sessions
    changed = user.model_copy(update={"password": user.password + 1, "sessions": sessions})
    wish = _with_users(present, tuple(changed if each == user else each for each in present.users))
    steps = _login_steps(instance, name, "change")
    if request.drop_connections:
        steps = (*steps, _end_step(name))
    title = f"Reset the password of {name} of {instance.name}"
    return UserPlan(title, steps, instance=instance, wish=wish, user=name)


def plan_user_deletion(instance: Instance, request: DeleteUser) -> UserPlan:
    """The user is nowhere any more; nothing when it is not there."""
    _check_has_users(instance)
    present = settled(instance)
    title = f"Delete user {request.user} of {instance.name}"
    if request.user == present.first_user:
        rule = "it is the first user, made with the instance, and stays as long as it; accepted "
        others = ", ".join(present.user_names[1:]) or "nobody, there is no other user"
        raise refusal("user", request.user, f"{rule}is {others}")
    if request.user not in present.user_names:
        return UserPlan(title, instance=instance, wish=present, user=request.user)
    check_every_broker(instance)
    left = tuple(user for user in present.users if user.name != request.user)
    held = held_by(present, request.user)
    wish = revoking(_with_users(present, left), held)
    steps = (
        PlannedStep(f"user {request.user}", "take its permissions away", "permissions"),
        *_login_steps(instance, request.user, "remove"),
        *(PlannedStep(f"certificate {each.number}", REVOKED_WORDS, "revoked") for each in held),
        _end_step(request.user),
    )
    return UserPlan(title, steps, instance=instance, wish=wish, user=request.user)


def check_every_broker(instance: Instance, what: str = "users are changed") -> None:
    """Refuses while a broker is down: it would come back with the users of yesterday."""
    down = ", ".join(str(broker.id) for broker in instance.brokers if not _serves(broker))
    if down:
        raise Refused(
            f'instance "{instance.name}": broker {down} is down; {what} on every '
            "broker at once or not at all, so all of them must run"
        )


def _serves(broker: Broker) -> bool:
    return broker.registered and broker.host is not None and (
        broker.host.kafka is UnitState.ACTIVE
    )  # fmt: skip


def _check_has_users(instance: Instance) -> None:
    if not instance.wish.sasl_ssl:
        raise refusal(
            "instance", instance.name, "it has no users, because SASL_SSL is off; that is fixed"
        )


def _check_room(wish: Wish) -> None:
    if len(wish.users) >= MOST_USERS:
        raise Refused(
            f'instance "{wish.name}": it has {len(wish.users)} users, {MOST_USERS} are accepted; '
            "delete one first"
        )


def _unknown(wish: Wish, name: str) -> Refused:
    known = ", ".join(wish.user_names)
    return refusal("user", name, f"{wish.name} has no such user; accepted are {known}")


def _with_users(wish: Wish, users: tuple[User, ...]) -> Wish:
    last = max([wish.last_sessions, *(user.sessions for user in users)])
    return wish.model_copy(update={"users": users, "last_sessions": last})


def _login_steps(instance: Instance, user: str, verb: str) -> tuple[PlannedStep, ...]:
    logins = " and ".join(instance.wish.mechanisms)
    return tuple(
        PlannedStep(f"broker {broker.id}", f"{verb} the login of {user} ({logins})", verb)
        for broker in instance.brokers
    )


def _end_step(user: str) -> PlannedStep:
    words = "end its open connections, each at its next request"
    return PlannedStep(f"user {user}", words, "sessions")
