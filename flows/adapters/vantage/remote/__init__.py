"""The script that runs at a vantage: standard library of Python 3.9 and newer, one function."""
