"""The question that runs on a gateway: standard library of Python 3.9 and newer."""
