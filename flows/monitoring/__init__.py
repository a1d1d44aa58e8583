"""The chapter of monitoring (SPEC 9)."""
