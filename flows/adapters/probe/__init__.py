"""A client of its own that writes and reads all the time while brokers go and come back.

`process` starts it and listens; `program` is what runs there, and `traffic` what it does.
"""

from flows.adapters.probe.process import ProcessProbes

__all__ = ["ProcessProbes"]
