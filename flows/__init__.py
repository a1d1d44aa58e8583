"""The program: doors, chapters, procedures, steps, adapters and the pure domain."""
