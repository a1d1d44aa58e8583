"""Where machines come from: the embedded lab, or hosts of your own."""

from flows.adapters.provider.hosts import HostsProvider
from flows.adapters.provider.lab import LabProvider

__all__ = ["HostsProvider", "LabProvider"]
