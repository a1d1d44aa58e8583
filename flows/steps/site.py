"""The site as flows know it: something that is handed to steps."""

from __future__ import annotations

from flows.adapters.site import Doors, InstanceRow, Service, Site
from flows.adapters.stage import Stage

__all__ = ["Doors", "InstanceRow", "Service", "Site", "Stage"]
