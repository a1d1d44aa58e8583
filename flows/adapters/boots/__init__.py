"""What a host would do at its next boot."""

from flows.adapters.boots.ssh import SshBoots

__all__ = ["SshBoots"]
