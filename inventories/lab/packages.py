"""What the lab's host needs from Debian."""

# The package of each command that the lab calls.
COMMANDS = {
    "conntrack": "conntrack",
    "fallocate": "util-linux",
    "ip": "iproute2",
    "losetup": "mount",
    "lxcfs": "lxcfs",
    "mkfs.xfs": "xfsprogs",
    "mksquashfs": "squashfs-tools",
    "mmdebstrap": "mmdebstrap",
    "nft": "nftables",
    "nsenter": "util-linux",
    "ssh-keygen": "openssh-client",
    "sysctl": "procps",
    "systemd-nspawn": "systemd-container",
    "tc": "iproute2",
}
PACKAGES = tuple(sorted(set(COMMANDS.values())))
"""The Debian packages that the lab's host needs."""
