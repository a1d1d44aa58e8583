"""What several chapters do alike: the operation itself, proofs, and later rolls and rewires."""
