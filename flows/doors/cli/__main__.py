"""`python -m flows.doors.cli` is the `fleet` command."""

from flows.doors.cli.app import main

main()
