"""The site as flows know it: something that is handed to steps."""

from __future__ import annotations

from flows.adapters.site import Doors, InstanceRow, Service, Site

__all__ = ["Doors", "InstanceRow", "Service", "Site"]
