"""Machines over SSH: what they are, what runs on them, distributions put on them, their logs."""

from flows.adapters.hosts.ssh import SshHosts

__all__ = ["SshHosts"]
