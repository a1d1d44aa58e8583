"""The YAML file of own machines, checked: whatever is wrong is one sentence.

The value of a key that is not known is never shown: it may be a secret in the wrong place.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from inventories.hosts.fields import (
    FieldRefused,
    address,
    clients,
    device,
    host_key,
    name,
    network,
    port,
    size,
    user,
)
from inventories.hosts.model import Host, HostList, Post

_SECRET_WORDS = ("pass", "secret", "token", "credential")
_LOGIN = ("user", "key_file", "port")
Fields = Mapping[str, Callable[[object], Any]]
_FIELDS: Fields = {
    "name": name,
    "address": address,
    "host_key": host_key,
    "zone": name,
    "vcpus": size,
    "memory_gb": size,
    "data_device": device,
    "disk_gb": size,
    "user": user,
    "key_file": str,
    "port": port,
}
_GATEWAY_FIELDS = {
    field: _FIELDS[field] for field in ("name", "address", "host_key", "user", "key_file", "port")
}
_VANTAGE_FIELDS = {**_GATEWAY_FIELDS, "network": clients}
_OPTIONAL = ("zone", "port")
_WHY = {
    "host_key": "it pins the machine; the machine itself shows it by "
    "`cat /etc/ssh/ssh_host_ed25519_key.pub`",
    "data_device": "a block device for Kafka's data alone; without one a machine cannot be taken",
}
_TOP = ("network", "control_address", "ssh", "hosts", "vantages", "gateways")


class HostsRefused(ValueError):
    """The file cannot be used; the message says why, in one sentence."""


def load_hosts(path: Path) -> HostList:
    """The machines in a file, their private keys looked for; HostsRefused otherwise."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise HostsRefused(f"{path}: there is no such file; name a list of your machines") from None
    except (OSError, UnicodeDecodeError) as error:
        raise HostsRefused(f"{path}: it cannot be read: {error}") from None
    found = read_hosts(text, source=str(path), beside=path.parent)
    for host in found.hosts:
        _check_key_file(host, str(path))
    for post in (*found.vantages, *found.gateways):
        _check_key_file(post, str(path))
    return found


def read_hosts(text: str, source: str, beside: Path = Path()) -> HostList:
    """The machines in a text; key files are meant from `beside`; no file is opened."""
    try:
        return _hosts_of(_mapping(text), source, beside)
    except (FieldRefused, _Unclear) as refused:
        raise HostsRefused(f"{source}: {refused}") from None


class _Unclear(ValueError):
    """The text is no such list."""


class _Loader(yaml.SafeLoader):
    """YAML in which a key that stands twice is an error, not the last one."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        twice = next((key for key in keys if keys.count(key) > 1), None)
        if twice is not None:
            line = node.start_mark.line + 1
            raise _Unclear(f"key {twice}: it stands twice in the mapping of line {line}")
        return super().construct_mapping(node, deep=deep)


def _mapping(text: str) -> Mapping[str, Any]:
    try:
        found = yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 0
        raise _Unclear(f"line {line}: it is not YAML: {error.problem}") from None
    except yaml.YAMLError:
        raise _Unclear("it is not YAML: it holds characters that YAML does not know") from None
    except _Unclear:
        raise
    except ValueError as error:  # such as a date that there is not
        raise _Unclear(f"it is not YAML: {error}") from None
    if not isinstance(found, Mapping):
        raise _Unclear(f"a mapping with the keys {', '.join(_TOP)} is accepted")
    for key in _keys(found):
        if any(word in key.lower() for word in _SECRET_WORDS):
            raise _Unclear(f"key {key}: no password or secret is accepted here, SSH keys only")
    return found


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield str(key)
            yield from _keys(part)
    elif isinstance(value, list):
        for part in value:
            yield from _keys(part)


def _hosts_of(found: Mapping[str, Any], source: str, beside: Path) -> HostList:
    _check_known(found, _TOP, "")
    for key in ("network", "hosts"):
        if key not in found:
            raise _Unclear(f"{key}: it is missing")
    shared = _login_of(found.get("ssh", {}))
    listed = found["hosts"]
    if not isinstance(listed, list) or not listed:
        raise _Unclear("hosts: a list of at least one machine is accepted")
    hosts = tuple(
        Host(**_entry(each, f"host {place}", (shared, _FIELDS), beside))
        for place, each in enumerate(listed, 1)
    )
    for field in ("name", "address"):
        _check_once(hosts, field)
    vantages = _posts(found, "vantages", (shared, _VANTAGE_FIELDS), beside)
    _check_one_each(vantages)
    control = found.get("control_address", "")
    return HostList(
        source=source,
        network=_checked("", "network", network, found["network"]),
        hosts=hosts,
        control_address=_checked("", "control_address", address, control) if control else "",
        vantages=vantages,
        gateways=_posts(found, "gateways", (shared, _GATEWAY_FIELDS), beside),
    )


def _posts(
    found: Mapping[str, Any], key: str, rules: tuple[Mapping[str, Any], Fields], beside: Path
) -> tuple[Post, ...]:
    """Machines beside the brokers'; none when the list names none."""
    listed = found.get(key, [])
    if not isinstance(listed, list):
        raise _Unclear(f"{key}: a list of machines is accepted")
    kind = key.removesuffix("s")
    return tuple(
        Post(**_entry(each, f"{kind} {place}", rules, beside))
        for place, each in enumerate(listed, 1)
    )


def _check_one_each(vantages: tuple[Post, ...]) -> None:
    for place, post in enumerate(vantages):
        other = next((each for each in vantages[:place] if each.network == post.network), None)
        if other is not None:
            raise _Unclear(
                f'vantage "{post.name}": network {post.network} has the vantage "{other.name}" '
                "already; one in each is accepted"
            )


def _login_of(given: object) -> Mapping[str, Any]:
    if not isinstance(given, Mapping):
        raise _Unclear(f"ssh: a mapping with {', '.join(_LOGIN)} is accepted")
    _check_known(given, _LOGIN, "ssh: ")
    return given


def _entry(
    given: object, what: str, rules: tuple[Mapping[str, Any], Fields], beside: Path
) -> dict[str, Any]:
    """The checked values of one machine; `rules` are what all share and the rule of each field."""
    shared, fields = rules
    if not isinstance(given, Mapping):
        raise _Unclear(f"{what}: a mapping with {', '.join(fields)} is accepted")
    kind = what.partition(" ")[0]
    where = f'{kind} "{given["name"]}": ' if isinstance(given.get("name"), str) else f"{what}: "
    _check_known(given, tuple(fields), where)
    whole = {**shared, **given}
    for field in fields:
        if field not in whole and field not in _OPTIONAL:
            why = f"; {_WHY[field]}" if field in _WHY else ""
            raise _Unclear(f"{where}{field}: it is missing{why}")
    values = {
        field: _checked(where, field, check, whole[field])
        for field, check in fields.items()
        if field in whole
    }
    key_file = (beside / Path(values.pop("key_file")).expanduser()).absolute()
    return {**values, "key_file": key_file}


def _checked(where: str, field: str, check: Callable[[object], Any], value: object) -> Any:
    try:
        return check(value)
    except FieldRefused as refused:
        raise FieldRefused(f"{where}{field} {refused}") from None


def _check_known(given: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    for key in given:
        if key not in known:
            raise _Unclear(f"{where}there is no key {key}; accepted are {', '.join(known)}")


def _check_once(hosts: tuple[Host, ...], field: str) -> None:
    """Two lines for one machine would let two brokers share it."""
    first: dict[str, Host] = {}
    for host in hosts:
        value = getattr(host, field)
        other = first.setdefault(value, host)
        if other is not host:
            raise _Unclear(
                f'host "{host.name}": {field} {value} is that of host "{other.name}" as well; '
                "each machine stands once"
            )


def _check_key_file(host: Host | Post, source: str) -> None:
    kind = host.words.partition(" ")[0]
    where = f'{source}: {kind} "{host.name}": key_file {host.key_file}'
    try:
        mode = host.key_file.stat().st_mode
        text = host.key_file.read_text(encoding="ascii")
    except OSError as error:
        raise HostsRefused(f"{where}: it cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        text, mode = "", 0
    if "PRIVATE KEY-----" not in text:
        raise HostsRefused(f"{where}: it is no private key; one in OpenSSH's format is accepted")
    if _is_encrypted(text):
        raise HostsRefused(f"{where}: it has a passphrase; a key without one is accepted")
    if mode & 0o077:
        raise HostsRefused(f"{where}: others may read it; `chmod 600` makes it its owner's alone")


def _is_encrypted(key: str) -> bool:
    """Whether a passphrase is needed; OpenSSH's own format says it within (PROTOCOL.key)."""
    if "OPENSSH" not in key:
        return "ENCRYPTED" in key
    body = "".join(line for line in key.splitlines() if line and not line.startswith("-----"))
    magic, none = b"openssh-key-v1\0", b"\0\0\0\x04none"
    return not base64.b64decode(body).startswith(magic + none)
