"""`python -m inventories.lab`: the lab's commands alone."""

from inventories.lab.cli import app

app()
