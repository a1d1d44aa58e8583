"""What a listener serves and whom it lets in, seen from the control plane."""

from flows.adapters.tls.handshake import TlsHandshakes

__all__ = ["TlsHandshakes"]
