"""What can go wrong in the lab, each as one sentence."""

from __future__ import annotations


class LabError(Exception):
    """The lab could not do what was asked; the message says what, and what would help."""


class LabRefused(LabError):
    """The request breaks a rule of the lab; nothing was changed."""


class MachinesDown(LabError):
    """The lab is up, but machines that should run do not; the message says which and why."""


class CommandFailed(LabError):
    """A command of the host ended with an error."""
