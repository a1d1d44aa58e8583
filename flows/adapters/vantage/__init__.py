"""Hosts in the clients' networks, where a look at the brokers is worth something."""

from flows.adapters.vantage.lab import LabVantages
from flows.adapters.vantage.listed import ListedVantages
from flows.adapters.vantage.ssh import Login, SshVantage, login_of

__all__ = ["LabVantages", "ListedVantages", "Login", "SshVantage", "login_of"]
