"""What can go wrong while a distribution is built.

* DistributionError
  + ChecksumError
"""


class DistributionError(Exception):
    """No tarball was made; the message is one sentence, and trying again is safe."""


class ChecksumError(DistributionError):
    """A jar is not the one that ``SHA256SUMS`` names."""
