"""Questions that run on a host: sent as text to its Python (3.9 or newer), answered as JSON."""
