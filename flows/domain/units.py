"""The systemd units of a host and how both JVMs log (to the journal, which limits its size)."""

from __future__ import annotations

from flows.domain import paths
from flows.domain.instance import Instance
from flows.domain.jvm import jvm, kafka_flags, zookeeper_flags
from flows.domain.nft_unit import nft_unit
from flows.domain.versions import ZOOKEEPER_DISTRIBUTION

JOLOKIA_PORT = 8778

# SIGKILL would cost a log recovery and, on an unclean stop, the in-sync replicas: never.
# A broker that comes back before its ZooKeeper session (6 s) ended dies of its own old
# registration: wait longer than that between starts.
# On an unmounted data directory it would start empty, and lose what the cluster trusts it to have.
_UNIT = """[Unit]
Description={description}
Requires={firewall}
Wants=network-online.target
After=network-online.target time-sync.target {firewall}{after}
RequiresMountsFor={data}
AssertPathIsMountPoint={data}
StartLimitIntervalSec=0

[Service]
User={user}
UMask=0077
ExecStart=/usr/bin/java {arguments}
TimeoutStopSec=180
SendSIGKILL=no
SuccessExitStatus=143
Restart=on-failure
RestartSec=12
LimitNOFILE=100000

[Install]
WantedBy=multi-user.target
"""

# Two of its classes write a line for each partition whenever leaders move, and again for each
# retry: thousands of lines in the second in which all clients wait for the broker that writes them.
KAFKA_LOGGING = """log4j.rootLogger=INFO, console
log4j.appender.console=org.apache.log4j.ConsoleAppender
log4j.appender.console.layout=org.apache.log4j.PatternLayout
log4j.appender.console.layout.ConversionPattern=[%d] %p %m (%c)%n
log4j.logger.kafka.request.logger=WARN
log4j.logger.kafka.authorizer.logger=WARN
log4j.logger.org.apache.zookeeper=WARN
log4j.logger.state.change.logger=WARN
log4j.logger.kafka.server.KafkaConfig=WARN
log4j.logger.kafka.server.ReplicaFetcherThread=ERROR
log4j.logger.kafka.log.Log=WARN
"""

ZOOKEEPER_LOGGING = """<configuration>
  <appender name="console" class="ch.qos.logback.core.ConsoleAppender">
    <encoder><pattern>[%d] %p %m \\(%c\\)%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="console"/></root>
</configuration>
"""

JOURNAL_LIMIT = """[Journal]
SystemMaxUse=500M
RuntimeMaxUse=50M
"""


def kafka_unit(instance: Instance) -> str:
    """The broker's unit; whether and when it is restarted is decided by flows, never by Ansible."""
    home = f"{paths.DISTRIBUTIONS}/{instance.wish.release.distribution}"
    settings = jvm(instance.wish.provider, instance.wish.flavor_row.memory_gb)
    arguments = (
        *kafka_flags(settings),
        f"-Djava.security.auth.login.config={paths.KAFKA_JAAS}",
        f"-Dlog4j.configuration=file:{paths.KAFKA_LOGGING}",
        f"-Dkafkafleet.revoked.serials={paths.REVOKED_SERIALS}",
        f"-Dkafkafleet.sessions={paths.SESSIONS}",
        _jolokia(home),
        f"-cp {home}/libs/* kafka.Kafka {paths.SERVER_PROPERTIES}",
    )
    return _unit(f"Kafka broker of instance {instance.id}", " zookeeper.service", arguments)


def zookeeper_unit(instance: Instance) -> str:
    """The unit of a ZooKeeper node."""
    home = f"{paths.DISTRIBUTIONS}/{ZOOKEEPER_DISTRIBUTION}"
    settings = jvm(instance.wish.provider, instance.wish.flavor_row.memory_gb)
    arguments = (
        *zookeeper_flags(settings),
        f"-Djava.security.auth.login.config={paths.ZOOKEEPER_JAAS}",
        f"-Dlogback.configurationFile={paths.ZOOKEEPER_LOGGING}",
        f"-cp {home}/libs/* org.apache.zookeeper.server.quorum.QuorumPeerMain {paths.ZOO_CFG}",
    )
    return _unit(f"ZooKeeper node of instance {instance.id}", "", arguments)


def firewall_unit(instance: Instance, table: str) -> str:
    """Loads the host's table before the network is up, so before anything listens."""
    description = f"Host firewall of Kafka instance {instance.id}"
    return nft_unit(description, paths.FIREWALL, f"inet {table}")


def _unit(description: str, after: str, arguments: tuple[str, ...]) -> str:
    return _UNIT.format(
        description=description,
        after=after,
        firewall=paths.FIREWALL_UNIT,
        data=paths.DATA,
        user=paths.USER,
        arguments=" ".join(arguments),
    )


def _jolokia(home: str) -> str:
    options = (
        f"port={JOLOKIA_PORT}",
        "host=127.0.0.1",
        "discoveryEnabled=false",
        f"policyLocation=file://{home}/agents/jolokia-policy.xml",
    )
    return f"-javaagent:{home}/agents/jolokia.jar={','.join(options)}"
