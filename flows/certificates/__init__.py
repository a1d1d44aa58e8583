"""The chapter of certificates (SPEC 2.4, 2.5): what brokers and clients show each other."""
