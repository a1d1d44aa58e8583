"""The SSH key of an instance: made once, kept encrypted, handed out as text."""

from __future__ import annotations

from flows.adapters.hosts.keys import authorized_line, new_key
from flows.adapters.secrets.kept import SSH_KEY
from flows.adapters.site import Site


def authorized_key(site: Site) -> str:
    """The public half, as one line for `authorized_keys`; the key is made when there is none."""
    private = site.secrets.keep(site.instance_id, SSH_KEY, new_key)
    return authorized_line(private, site.instance_id)
