"""The flags of both JVMs, by the kind of machines and the flavor."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Jvm:
    """Heaps in MB and the flags that go with them."""

    kafka_heap_mb: int
    zookeeper_heap_mb: int
    flags: tuple[str, ...]
    cleaner_buffer_bytes: int | None = None


# C1 and the serial collector halve the start of a broker on two cores and cost peak throughput:
# right for a lab, wrong for production. The cleaner's default buffer alone is 128 MiB of heap.
_LAB = Jvm(
    kafka_heap_mb=256,
    zookeeper_heap_mb=96,
    flags=("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-XX:-UsePerfData"),
    cleaner_buffer_bytes=4_194_304,
)
_G1 = (
    "-XX:+UseG1GC",
    "-XX:MaxGCPauseMillis=20",
    "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
)
_HEAPS_MB = {4: (1536, 256), 8: (3072, 512), 16: (5120, 512), 24: (6144, 1024), 32: (6144, 1024)}


def jvm(provider: str, memory_gb: int) -> Jvm:
    """The JVM settings for machines of this provider with this much memory."""
    if provider == "lab":
        return _LAB
    kafka, zookeeper = _HEAPS_MB[memory_gb]
    return Jvm(kafka, zookeeper, _G1)


def kafka_flags(settings: Jvm) -> tuple[str, ...]:
    """Heap and collector of a broker; on real machines the heap is claimed at the start."""
    heap = settings.kafka_heap_mb
    fixed = (f"-Xms{heap}m",) if settings.cleaner_buffer_bytes is None else ()
    return (*fixed, f"-Xmx{heap}m", *settings.flags, "-Djava.awt.headless=true")


def zookeeper_flags(settings: Jvm) -> tuple[str, ...]:
    """Heap and collector of a ZooKeeper node."""
    return (f"-Xmx{settings.zookeeper_heap_mb}m", *settings.flags, "-Djava.awt.headless=true")
