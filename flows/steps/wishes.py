"""The wish of an instance as it is remembered."""

from __future__ import annotations

from flows.adapters.site import Site
from flows.domain.wish import Wish
from flows.steps.step import step


@step("remember what is wished")
def remember_wish(site: Site, wish: Wish) -> int:
    """The wish is the newest revision of the instance; its number is returned."""
    return site.records.revise(site.instance_id, wish, site.epoch)
