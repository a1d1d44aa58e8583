"""The one error of this package."""


class CertificateError(ValueError):
    """A wish or a certificate that is not accepted; nothing was made. The message is a sentence."""
