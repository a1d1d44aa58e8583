"""The processes that stand behind the doors: Prefect's server, its worker, and who watches them."""
