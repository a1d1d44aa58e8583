"""Your own machines: a YAML file that names them, read and checked. Stands alone; opens no door."""

from inventories.hosts.model import Host, HostList, Post
from inventories.hosts.reading import HostsRefused, load_hosts, read_hosts

__all__ = ["Host", "HostList", "HostsRefused", "Post", "load_hosts", "read_hosts"]
