"""What the modules of kafka-fleet do on a host: Python 3.9 and the standard library only."""
