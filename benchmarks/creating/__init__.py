"""What the benchmark of creating an instance is made of."""
