"""The chapter of users (SPEC 5, 1.10): who can log in to an instance, and with which password."""
