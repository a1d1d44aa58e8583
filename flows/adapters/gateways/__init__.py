"""Linux gateways, where rules of DNAT are made."""

from flows.adapters.gateways.ssh import Reached, SshGateways, lab_gateway, listed_gateways

__all__ = ["Reached", "SshGateways", "lab_gateway", "listed_gateways"]
