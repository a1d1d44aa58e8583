"""The chapter of instances (SPEC 1): one operation per file."""
