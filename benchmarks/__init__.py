"""Benchmarks: one script per claim, each beside its floor in the same run."""
