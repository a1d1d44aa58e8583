"""Where things lie on a host; the same on every machine of every instance."""

from __future__ import annotations

CONFIG = "/etc/kafka-fleet"
PRIVATE = f"{CONFIG}/private"
"""The one directory with secrets on a host (0700, files 0400, of the user that runs both)."""
DISTRIBUTIONS = "/opt/kafka"
DATA = "/srv/kafka"
TOPICS = f"{DATA}/topics"
ZOOKEEPER_DATA = f"{DATA}/zookeeper"
USER = "kafka"

SERVER_PROPERTIES = f"{PRIVATE}/server.properties"
KAFKA_JAAS = f"{PRIVATE}/kafka.jaas"
ZOOKEEPER_JAAS = f"{PRIVATE}/zookeeper.jaas"
PLAIN_USERS = f"{PRIVATE}/plain.users"
SESSIONS = f"{PRIVATE}/sessions"
REVOKED_SERIALS = f"{PRIVATE}/revoked.serials"
ZOO_CFG = f"{CONFIG}/zoo.cfg"
KAFKA_LOGGING = f"{CONFIG}/kafka-log4j.properties"
ZOOKEEPER_LOGGING = f"{CONFIG}/zookeeper-logback.xml"
FIREWALL = f"{CONFIG}/firewall.nft"
UNITS = "/etc/systemd/system"

KAFKA_UNIT = "kafka.service"
ZOOKEEPER_UNIT = "zookeeper.service"
FIREWALL_UNIT = "kafka-fleet-firewall.service"
