"""A small world in memory: machines, ZooKeeper, Kafka, records; it can fail at every effect."""
