"""Benchmarks are scripts of the checkout, not a package that is installed."""

import sys

from flows.settings import CHECKOUT

sys.path.append(str(CHECKOUT))
