"""The `fleet` command. Nothing heavy is imported before a command needs it."""

from flows.doors.cli.app import main

__all__ = ["main"]
