"""One file per outside world; nothing here knows Prefect."""
