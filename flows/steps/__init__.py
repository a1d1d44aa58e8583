"""The verbs that procedures are made of; with `queries` the only users of adapters."""
