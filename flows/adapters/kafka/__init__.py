"""One Kafka cluster through confluent-kafka: as its super user on CONTROL, as a client on PRIVATE.

`cluster` is the door; `administration` asks CONTROL, `round_trip` goes through PRIVATE, and
`connection` knows how both connect and how they fail.
"""

from flows.adapters.kafka.cluster import ConfluentKafka
from flows.adapters.kafka.connection import Credentials

__all__ = ["ConfluentKafka", "Credentials"]
