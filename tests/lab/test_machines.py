"""Machines as their owner sees them, over SSH, and as the kernel sees them."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from inventories.lab import CommandFailed, Lab, LabError, LabRefused, Machine, MachineSpec
from inventories.lab.commands import run, wait_for
from inventories.lab.guest import Guest

Ssh = Callable[[Machine, str], str]
Within = Callable[[str, str], str]
pytestmark = pytest.mark.lab


def guest_of(lab: Lab, name: str) -> Guest:
    site = lab._site
    return site.guest(site.known(name))


def test_a_machine_boots_cleanly_and_knows_who_it_is(a: Machine, ssh: Ssh) -> None:
    assert ssh(a, "systemctl is-system-running").strip() == "running"
    assert ssh(a, "hostname").strip() == "a"
    assert str(a.address) in ssh(a, "ip -4 addr show dev eth0")
    assert ssh(a, "cat /etc/machine-id").strip()


def test_every_machine_is_its_own(a: Machine, b: Machine, within: Within) -> None:
    assert a.host_key != b.host_key
    assert within("a", "cat /etc/machine-id") != within("b", "cat /etc/machine-id")
    boot_id = "cat /proc/sys/kernel/random/boot_id"
    assert within("a", boot_id) != within("b", boot_id)
    assert (a.zone, b.zone) == ("lab-1", "lab-2")


def test_the_image_has_what_the_product_needs(a: Machine, ssh: Ssh, within: Within) -> None:
    for command in ("java -version", "python3 --version", "sudo -n true", "curl --version"):
        within("a", command)
    # Over SSH, since only there the machine's own capabilities count.
    ssh(
        a, "nft add table inet mine && nft list tables | grep -q mine && nft delete table inet mine"
    )


def test_unknown_names_are_refused_at_once(a: Machine, within: Within) -> None:
    """With a name server that cannot be reached each lookup would take 5 s."""
    begun = time.monotonic()
    within("a", "! getent hosts nothing.example")
    assert time.monotonic() - begun < 2


# Sizes


def test_no_two_machines_share_a_cgroup(lab: Lab, a: Machine, b: Machine) -> None:
    """nspawn puts machines started from one shell into one `payload` cgroup."""
    cgroups = {
        name: {
            line.split(":", 1)[1]
            for line in Path(f"/proc/{guest_of(lab, name).alive()}/cgroup").read_text().splitlines()
        }
        for name in ("a", "b")
    }
    for name, paths in cgroups.items():
        limited = [path for path in paths if not path.startswith(("blkio:", "devices:"))]
        assert limited
        assert all(f"/{lab.plan.prefix}/{name}" in path for path in limited)


def test_memory_and_cpus_are_those_of_the_machine(a: Machine, ssh: Ssh) -> None:
    assert a.effective_memory_mb == 512
    assert ssh(a, "free -m | awk '/Mem:/ {print $2}'").strip() == "512"
    assert int(ssh(a, "nproc")) == a.effective_vcpus
    assert "Memory Limit: 512.00M" in ssh(a, "java -XshowSettings:system -version 2>&1")


def test_who_takes_too_much_memory_is_killed_alone(a: Machine, ssh: Ssh) -> None:
    assert ssh(a, "python3 -c 'bytearray(700 << 20)' || echo ended with $?").split()[-1] == "137"
    assert ssh(a, "systemctl is-system-running").strip() == "running"


def test_a_running_machine_is_resized_at_once(lab: Lab, a: Machine, ssh: Ssh) -> None:
    grown = lab.resize("a", vcpus=1, memory_mb=4096)
    assert (grown.vcpus, grown.memory_mb, grown.effective_memory_mb) == (1, 4096, 1024)
    assert ssh(a, "free -m | awk '/Mem:/ {print $2}'").strip() == "1024"
    assert ssh(a, "nproc").strip() == "1"
    assert lab.resize("a", vcpus=2, memory_mb=2048) == a


def test_memory_in_use_is_not_taken_away(lab: Lab, a: Machine, ssh: Ssh) -> None:
    lab.resize("a", vcpus=2, memory_mb=4096)
    hold = '\'x = bytearray(600 << 20); open("/run/held", "w"); import time; time.sleep(60)\''
    ssh(a, f"systemd-run --quiet --unit=hold python3 -c {hold}")
    ssh(a, "timeout 10 sh -c 'until [ -e /run/held ]; do sleep 0.05; done'")
    try:
        with pytest.raises(LabError, match="memory cannot shrink to 512 MB while more is in use"):
            lab.resize("a", vcpus=2, memory_mb=2048)
        assert lab.start("a").memory_mb == 4096
    finally:
        ssh(a, "systemctl stop hold; rm /run/held")
        lab.resize("a", vcpus=2, memory_mb=2048)


def test_kernel_settings_are_the_machines_own(a: Machine, b: Machine, within: Within) -> None:
    host = Path("/proc/sys/vm/swappiness").read_text()
    wanted = "3" if host.strip() != "3" else "4"
    within("a", f"sysctl -w vm.swappiness={wanted} vm.max_map_count=300000")
    assert within("a", "cat /proc/sys/vm/swappiness").strip() == wanted
    assert within("b", "cat /proc/sys/vm/swappiness") == host
    assert Path("/proc/sys/vm/swappiness").read_text() == host


# The data disk


def test_the_data_disk_is_raw_has_its_real_size_and_grows_live(
    lab: Lab, small: Callable[..., MachineSpec], within: Within
) -> None:
    lab.create_machine(small("disk", disk_gb=100))
    try:
        assert within("disk", "blockdev --getsize64 /dev/vdb").strip() == str(100 << 30)
        within("disk", "mkfs.xfs -q /dev/vdb && mkdir -p /data && mount /dev/vdb /data")
        assert lab.grow_disk("disk", 200).disk_gb == 200
        within("disk", "xfs_growfs /data")
        assert int(within("disk", "df --output=size -BG /data | tail -1").strip(" G\n")) == 200
        with pytest.raises(LabRefused, match="disk_gb 150 is below the present 200"):
            lab.grow_disk("disk", 150)
        assert lab.show("disk") == lab.create_machine(small("disk", disk_gb=200))

        within("disk", "echo kept > /data/file && sync")
        lab.crash("disk")
        lab.start("disk")
        assert within("disk", "mount /dev/vdb /data && cat /data/file").strip() == "kept"

        lab.fill("disk", 95)
        assert int(within("disk", "df --output=pcent /data | tail -1").strip(" %\n")) >= 95
        image = lab.root / lab.name / "machines/disk/data.img"
        assert image.stat().st_blocks * 512 < 2 << 30
        lab.unfill("disk")
        assert int(within("disk", "df --output=pcent /data | tail -1").strip(" %\n")) < 10
    finally:
        lab.remove("disk")


def test_a_disk_that_is_not_mounted_cannot_be_filled(lab: Lab, b: Machine) -> None:
    with pytest.raises(LabError, match="machine b has not mounted its data disk"):
        lab.fill("b", 50)


# Life and death


def test_a_machine_is_made_once(
    lab: Lab, a: Machine, small: Callable[..., MachineSpec], ssh: Ssh
) -> None:
    before = guest_of(lab, "a").leader()
    assert lab.create_machine(small("a")) == a
    assert lab.start("a") == a
    assert guest_of(lab, "a").leader() == before
    with pytest.raises(LabRefused, match="machine a exists with vcpus 2, not 8"):
        lab.create_machine(small("a", vcpus=8))
    with pytest.raises(LabRefused, match=f"address {a.address} belongs to machine a"):
        lab.create_machine(small("twin", address=a.address))
    with pytest.raises(LabRefused, match=r"address 10\.0\.0\.1 of machine far must lie between"):
        lab.create_machine(small("far", address=IPv4Address("10.0.0.1")))
    with pytest.raises(LabRefused, match="zone 'moon' must be one of lab-1, lab-2, lab-3"):
        lab.create_machine(small("far", zone="moon"))
    assert [machine.name for machine in lab.machines()] == ["a", "b"]


def test_a_second_system_on_one_root_is_refused(lab: Lab, a: Machine) -> None:
    root = str(guest_of(lab, "a").files.root)
    with pytest.raises(CommandFailed, match="currently busy"):
        run("systemd-nspawn", "--quiet", f"--directory={root}", "--register=no", "true")


def test_a_machine_survives_the_loss_of_nspawn_but_never_twice(
    lab: Lab, a: Machine, within: Within
) -> None:
    """kill -9 of nspawn leaves the machine's systemd alive, and frees nspawn's lock."""
    machine = guest_of(lab, "a")
    orphan, nspawn = machine.alive(), machine.nspawn()
    assert nspawn
    os.kill(nspawn, signal.SIGKILL)
    wait_for(lambda: machine.nspawn() is None, "nspawn did not end", 5)
    assert Path(f"/proc/{orphan}").exists(), "the trap is gone: simplify `boot`"
    seen = lab.show("a")
    assert seen
    assert not seen.running

    lab.start("a")
    assert machine.alive() != orphan
    assert int(within("a", "pgrep -c -x systemd")) == 1
    inits = run("ip", "netns", "pids", machine.netns).split()
    assert str(machine.alive()) in inits
    assert str(orphan) not in inits


def test_a_reboot_from_inside_comes_back_without_the_old_firewall(
    lab: Lab, a: Machine, within: Within
) -> None:
    within("a", "nft add table inet mine; echo kept > /root/file; sync")
    before, boot_id = guest_of(lab, "a").alive(), within("a", "cat /proc/sys/kernel/random/boot_id")
    within("a", "systemctl --no-block reboot")
    wait_for(lambda: guest_of(lab, "a").leader() not in (None, before), "no reboot", 60)
    lab.start("a")
    assert within("a", "cat /proc/sys/kernel/random/boot_id") != boot_id
    assert within("a", "cat /root/file").strip() == "kept"
    assert within("a", "nft list tables") == ""


@pytest.mark.parametrize("end", ["crash", "stop"])
def test_what_a_dead_machine_loses_and_keeps(
    lab: Lab, a: Machine, within: Within, end: str
) -> None:
    within("a", "nft add table inet mine; touch /root/kept; sync")
    getattr(lab, end)("a")
    seen = lab.show("a")
    assert seen
    assert not seen.running
    assert not guest_of(lab, "a").cgroups.populated(guest_of(lab, "a").cgroup)
    in_namespace = ("nsenter", f"--net=/run/netns/{guest_of(lab, 'a').netns}")
    assert run(*in_namespace, "nft", "list", "tables") == ""
    getattr(lab, end)("a")  # dead already

    assert lab.start("a") == a
    within("a", "test -e /root/kept")


def test_a_frozen_machine_hangs_and_thaws(lab: Lab, a: Machine, ssh: Ssh) -> None:
    lab.freeze("a")
    try:
        seen = lab.show("a")
        assert seen
        assert (seen.running, seen.frozen) == (True, True)
        with socket.create_connection((str(a.address), 22), timeout=2):
            pass  # the kernel still answers
        with pytest.raises(CommandFailed, match="did not end within"):
            run("ssh-keyscan", "-T", "5", str(a.address), limit=1)
    finally:
        lab.thaw("a")
    assert ssh(a, "echo alive").strip() == "alive"
    lab.freeze("a")
    lab.stop("a")  # a frozen machine can be stopped
    lab.start("a")


def test_a_machine_made_anew_is_reached_at_once(
    lab: Lab, a: Machine, small: Callable[..., MachineSpec], within: Within
) -> None:
    """With a random hardware address its peers would look for the old one for 35 s."""
    old = lab.create_machine(small("again"))
    try:
        within("a", f"ping -c1 -W1 {old.address}")
        lab.remove("again")
        new = lab.create_machine(small("again", address=old.address))
        assert new.host_key != old.host_key
        begun = time.monotonic()
        within("a", f"ping -c1 -W2 {new.address}")
        assert time.monotonic() - begun < 2
    finally:
        lab.remove("again")


def test_a_removed_machine_leaves_nothing(
    lab: Lab, small: Callable[..., MachineSpec], tmp_path: Path
) -> None:
    made = lab.create_machine(small("gone"))
    machine = guest_of(lab, "gone")
    lab.assign_eip(lab.plan.eips[99], "gone")
    lab.set_security_group("closed", ())
    lab.put_in_group("gone", "closed")
    lab.cut("gone")
    lab.remove("gone")
    lab.remove("gone")
    assert lab.show("gone") is None
    assert not machine.files.directory.exists()
    assert str(machine.files.directory) not in Path("/proc/self/mountinfo").read_text()
    assert str(machine.files.directory) not in run("losetup", "--list", "-n", "-O", "BACK-FILE")
    assert not Path("/run/netns", machine.netns).exists()
    assert not list(Path("/sys/fs/cgroup").glob(f"*/kafka-fleet/{machine.cgroup}"))
    assert lab.plan.eips[99] not in lab.eips()
    reborn = lab.create_machine(small("gone", address=made.address))
    assert reborn.security_group == "default"
    lab.remove("gone")


@pytest.mark.parametrize("name", ["", "A", "-a", "a b", "a/b", "x" * 49])
def test_a_machine_needs_a_plain_name(small: Callable[..., MachineSpec], name: str) -> None:
    with pytest.raises(ValueError, match=r"name .* must be 1-48 lower-case letters"):
        small(name)


def test_unknown_machines_are_named(lab: Lab) -> None:
    assert lab.show("nobody") is None
    with pytest.raises(LabRefused, match=f"lab {lab.name} has no machine nobody"):
        lab.start("nobody")
    with pytest.raises(LabRefused, match="has no machine nobody"):
        lab.crash("nobody")
