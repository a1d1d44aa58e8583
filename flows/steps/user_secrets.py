"""Passwords of users and what is made of them: made once, kept encrypted, dropped when replaced."""

from __future__ import annotations

from flows.adapters.secrets.kept import GIVEN_PASSWORD, UserSecret, user_secret
from flows.adapters.site import Site
from flows.domain.cluster import Login
from flows.domain.errors import EffectFailed, Refused
from flows.domain.instance import Instance
from flows.domain.names import check_password
from flows.domain.scram import plain_line, scram_value
from flows.domain.wish import User, Wish

PASSWORD_CHARACTERS, PASSWORD_TRIES = 20, 20
SALT_CHARACTERS, PLAIN_SALT_CHARACTERS = 24, 32
KINDS: tuple[UserSecret, ...] = ("scram", "plain", "password")


def user_password(site: Site, wish: Wish, user: User) -> str:
    """The user's present password: the one that came with the request, or one made now."""

    def make() -> str:
        given = site.secrets.get(site.instance_id, GIVEN_PASSWORD)
        return given if given is not None else new_password(site, user.name)

    return site.secrets.keep(site.instance_id, user_secret("password", wish, user), make)


def user_scram(site: Site, wish: Wish, user: User) -> str:
    """The SCRAM value of the present password; its salt is random, so the value is kept."""
    password = user_password(site, wish, user)

    def make() -> str:
        return scram_value(password, site.clock.token(SALT_CHARACTERS).encode())

    return site.secrets.keep(site.instance_id, user_secret("scram", wish, user), make)


def plain_users(site: Site, wish: Wish) -> str:
    """The plugin's file with a line for each user; empty where PLAIN is off."""
    if not wish.sasl_plain:
        return ""
    return "".join(f"{_plain_line(site, wish, user)}\n" for user in wish.users)


def present_logins(site: Site, instance: Instance, wish: Wish, name: str) -> tuple[Login, ...]:
    """The user's password by every mechanism; none when the user or the password is gone."""
    user = wish.user(name)
    if user is None:
        return ()
    password = site.secrets.get(instance.id, user_secret("password", wish, user))
    if password is None:
        return ()
    return tuple(Login(name, password, mechanism) for mechanism in wish.mechanisms)


def forget_user(site: Site, wish: Wish, user: User) -> None:
    """Nothing of that password is kept any more; the password itself goes last."""
    for kind in KINDS:
        site.secrets.drop(site.instance_id, user_secret(kind, wish, user))


def forget_given(site: Site) -> None:
    """The password that came with the request lies under its user's name alone."""
    site.secrets.drop(site.instance_id, GIVEN_PASSWORD)


def new_password(site: Site, user: str) -> str:
    """A random password that keeps the rules for this user."""
    # Chance knows no names: one password in some ten thousand holds a name of four letters.
    for _ in range(PASSWORD_TRIES):
        password = site.clock.password(PASSWORD_CHARACTERS)
        if _keeps_rules(password, user):
            return password
    raise EffectFailed(f"password: {PASSWORD_TRIES} generated passwords all held the name {user}")


def _plain_line(site: Site, wish: Wish, user: User) -> str:
    password = user_password(site, wish, user)

    def make() -> str:
        salt = site.clock.token(PLAIN_SALT_CHARACTERS).encode()
        return plain_line(user.name, password, salt)

    return site.secrets.keep(site.instance_id, user_secret("plain", wish, user), make)


def _keeps_rules(password: str, user: str) -> bool:
    try:
        check_password("password", password, user)
    except Refused:
        return False
    return True
