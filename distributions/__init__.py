"""Distributions: what runs on the machines, as one checked tarball per product and version.

Each folder ``<product>-<version>`` holds Maven coordinates and the SHA-256 of every jar;
``plugins/`` holds our own few classes. Usable alone: it needs the standard library and the
programs of ``PACKAGES``.
"""

from .build import digest, tarball
from .cache import DEFAULT as DEFAULT_CACHE
from .definition import names
from .errors import ChecksumError, DistributionError
from .tools import PACKAGES

__all__ = [
    "DEFAULT_CACHE",
    "PACKAGES",
    "ChecksumError",
    "DistributionError",
    "digest",
    "names",
    "tarball",
]
