"""What is in the machines' image, as data; its hash names the image."""

from __future__ import annotations

import json
import platform

SUITE = "bookworm"
IMAGE_PACKAGES = (
    "ca-certificates",
    "curl",
    "iproute2",
    "iputils-ping",
    "nftables",
    "openjdk-17-jre-headless",
    "openssh-server",
    "procps",
    "python3",
    "sudo",
    "systemd-sysv",
    "xfsprogs",
    "zstd",
)
MASKED_UNITS = (
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "console-getty.service",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty.target",
    "systemd-pstore.service",
)
# Paths no machine needs; they are left out of the squashfs, since leaving them out of the
# installation breaks package scripts (the JRE's wants /usr/share/man/man1).
UNUSED_PATHS = (
    "usr/share/doc",
    "usr/share/info",
    "usr/share/locale",
    "usr/share/man",
    "var/cache/apt",
    "var/lib/apt/lists",
    "var/log/apt",
    "etc/ssh/ssh_host_*",
)

# /proc/sys is read-only in a machine, since most of it belongs to the host. Each of these keys
# is shadowed by a file of the machine's own: `sysctl -w` works and reads back, the host is spared.
SHADOWED_SYSCTLS = (
    "fs/file-max",
    "vm/dirty_background_ratio",
    "vm/dirty_ratio",
    "vm/max_map_count",
    "vm/overcommit_memory",
    "vm/swappiness",
    "vm/vfs_cache_pressure",
)
EARLY_SCRIPT = f"""\
#!/bin/sh
# Makes /proc tell the machine's own size (lxcfs) and gives it sysctls of its own.
for file in cpuinfo loadavg meminfo stat swaps uptime; do
    if [ -e /var/lib/lxcfs/proc/$file ]; then
        mount --bind /var/lib/lxcfs/proc/$file /proc/$file
    fi
done
for key in {" ".join(SHADOWED_SYSCTLS)}; do
    shadow=/run/lab-sysctl/$key
    mkdir -p "${{shadow%/*}}"
    cat /proc/sys/$key > "$shadow"
    mount --bind "$shadow" /proc/sys/$key
done
"""
EARLY_UNIT = """\
[Unit]
Description=Show the lab machine's own size and give it sysctls of its own
DefaultDependencies=no
Before=sysinit.target systemd-sysctl.service
RequiresMountsFor=/run

[Service]
Type=oneshot
RemainAfterExit=yes
ExecStart=/usr/local/lib/lab/early

[Install]
WantedBy=sysinit.target
"""
FILES = {
    "usr/local/lib/lab/early": EARLY_SCRIPT,
    "etc/systemd/system/lab-early.service": EARLY_UNIT,
    "etc/systemd/journald.conf.d/lab.conf": "[Journal]\nStorage=persistent\nSystemMaxUse=64M\n",
    "etc/ssh/sshd_config.d/lab.conf": (
        "PasswordAuthentication no\nUseDNS no\nMaxStartups 200\nMaxSessions 100\n"
    ),
    "etc/machine-id": "",
    "etc/default/locale": "LANG=C.UTF-8\n",
}
EXECUTABLES = ("usr/local/lib/lab/early",)


def definition() -> str:
    """Everything that decides the image's content, as stable text."""
    parts = {
        "architecture": platform.machine(),
        "suite": SUITE,
        "packages": IMAGE_PACKAGES,
        "masked": MASKED_UNITS,
        "unused": UNUSED_PATHS,
        "files": FILES,
        "executables": EXECUTABLES,
    }
    return json.dumps(parts, sort_keys=True)
