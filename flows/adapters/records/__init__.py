"""What the control plane remembers, in a database that any number of its processes share."""
