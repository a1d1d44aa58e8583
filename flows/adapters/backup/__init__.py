"""Backups of the control plane: what a recovery key is, and what a sealed file is."""
