"""Pure rules on frozen values: no clock, no network, no files (standard library and pydantic)."""
