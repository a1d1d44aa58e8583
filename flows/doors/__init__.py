"""How people come in: the Prefect UI, the command line, later chat. Doors ask, they never do."""
