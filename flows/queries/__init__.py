"""Answers without a run, from the records alone: plain functions, no Prefect, no look at hosts."""
