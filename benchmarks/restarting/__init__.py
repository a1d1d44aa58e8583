"""Restarting the brokers of one instance, measured by one client: the product beside others."""
