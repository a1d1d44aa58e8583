"""Secrets of an instance that goes."""

from __future__ import annotations

from flows.adapters.site import Site
from flows.domain.instance import Instance
from flows.steps.step import step


@step("forget secrets and certificates")
def forget_secrets(site: Site, instance: Instance) -> None:
    """No key, password or certificate of the instance is left in the store."""
    site.secrets.forget(instance.id)
