"""What a host is before anything is put on it: size, software, clock, ports, other owners."""

import os
import platform
import pwd
import re
import shutil
import socket
import stat
import subprocess
import time
from typing import Any

STATE = "/etc/kafka-fleet"
DISTRIBUTIONS = "/opt/kafka"
USER = "kafka"
SERVERS = (b"kafka.Kafka", b"org.apache.zookeeper.server.quorum.QuorumPeerMain")
OUR_UNITS = ("kafka.service", "zookeeper.service")
PACKAGES = {"nft": "nftables", "mkfs.xfs": "xfsprogs"}
SYSTEM_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"


def facts(device: str) -> dict[str, Any]:
    """Everything the preflight needs, as one JSON object."""
    clock = time.time()
    owner = _text(os.path.join(STATE, "owner")).strip() or None
    return {
        "clock": clock,
        "system": _system(),
        "python": platform.python_version(),
        "java": _java(),
        "memory_mb": _memory_mb(),
        "vcpus": os.cpu_count() or 0,
        "disk_bytes": _device_bytes(device),
        "data_disk": _device_content(device),
        "missing_packages": _missing_packages(),
        "listening": _listening(),
        "resolves_itself": _resolves_itself(),
        "owner": owner,
        "foreign_kafka": _foreign_kafka(owner),
        "firewall": _firewall(),
    }


def _text(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except FileNotFoundError:
        return ""


def _system() -> str:
    """`debian 12`, `ubuntu 22.04`, ..."""
    pairs = [line.partition("=") for line in _text("/etc/os-release").splitlines()]
    found = {key: value.strip('"') for key, _, value in pairs}
    return f"{found.get('ID', 'unknown')} {found.get('VERSION_ID', '')}".strip()


def _java() -> str:
    """The version of Java, empty when there is none; starting a JVM is the last resort."""
    java = shutil.which("java")
    if java is None:
        return ""
    home = os.path.dirname(os.path.dirname(os.path.realpath(java)))
    found = re.search(r'^JAVA_VERSION="([^"]+)"', _text(os.path.join(home, "release")), re.M)
    if found is None:
        argv = [java, "-version"]
        told = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
        found = re.search(r'version "([^"]+)"', told.stderr)
    return found.group(1) if found else ""


def _memory_mb() -> int:
    found = re.search(r"^MemTotal:\s+(\d+) kB", _text("/proc/meminfo"), re.M)
    return int(found.group(1)) // 1024 if found else 0


def _device_bytes(device: str) -> int:
    """Size of the data disk; 0 when there is no such block device."""
    if not os.path.exists(device) or not stat.S_ISBLK(os.stat(device).st_mode):
        return 0
    descriptor = os.open(device, os.O_RDONLY)
    try:
        return os.lseek(descriptor, 0, os.SEEK_END)
    finally:
        os.close(descriptor)


def _device_content(device: str) -> str:
    """What the device holds, as `type label`; empty when it is blank or no such device."""
    if _device_bytes(device) == 0:
        return ""
    argv = ["blkid", "--probe", "--output", "export", device]
    path = {"PATH": SYSTEM_PATH}
    told = subprocess.run(
        argv, capture_output=True, text=True, timeout=30, check=False, env=path
    ).stdout
    pairs = dict(line.split("=", 1) for line in told.splitlines())
    kind = pairs.get("TYPE") or pairs.get("PTTYPE", "")
    return f"{kind} {pairs.get('LABEL', '')}".strip()


def _missing_packages() -> list[str]:
    return [
        package for tool, package in PACKAGES.items() if not shutil.which(tool, path=SYSTEM_PATH)
    ]


def _listening() -> list[int]:
    """TCP ports in use for listening, on any address."""
    lines = [
        line.split()
        for family in ("tcp", "tcp6")
        for line in _text(f"/proc/net/{family}").splitlines()[1:]
    ]
    return sorted({int(line[1].rpartition(":")[2], 16) for line in lines if line[3] == "0A"})


def _resolves_itself() -> bool:
    try:
        return bool(socket.getaddrinfo(socket.gethostname(), None))
    except OSError:
        return False


def _foreign_kafka(owner: object) -> bool:
    """A broker or a ZooKeeper that is not of our units or, without a marker, any trace of one."""
    trace = os.path.exists(DISTRIBUTIONS) or _user_exists()
    return bool(foreign_servers(owner)) or (owner is None and trace)


def foreign_servers(owner: object) -> list[int]:
    """Processes that are a broker or a ZooKeeper and not ours; without a marker none is ours."""
    pids = [int(name) for name in os.listdir("/proc") if name.isdigit()]
    return [pid for pid in pids if _is_server(pid) and (owner is None or not _is_ours(pid))]


def _is_server(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            words = file.read().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False  # it has ended meanwhile
    return any(server in words for server in SERVERS)


def _is_ours(pid: int) -> bool:
    groups = _text(f"/proc/{pid}/cgroup")
    return any(f"/{unit}" in groups for unit in OUR_UNITS)


def _user_exists() -> bool:
    try:
        pwd.getpwnam(USER)
    except KeyError:
        return False
    return True


def _firewall() -> str:
    """All rules of nftables as its JSON; empty when it is not installed."""
    if shutil.which("nft", path=SYSTEM_PATH) is None:
        return ""
    argv = ["/usr/sbin/nft", "--json", "list", "ruleset"]
    return subprocess.run(argv, capture_output=True, text=True, timeout=20, check=False).stdout
