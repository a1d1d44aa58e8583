"""Up, down and end of a lab: what is left, from whatever state."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from inventories.lab import (
    Factor,
    Lab,
    LabError,
    LabRefused,
    Machine,
    MachinesDown,
    MachineSpec,
    Rule,
)
from inventories.lab.addresses import AddressPlan
from inventories.lab.commands import in_netns, run

Ssh = Callable[[Machine, str], str]
pytestmark = pytest.mark.lab


def traces(plan: AddressPlan, lab: Lab) -> dict[str, list[str]]:
    """Everything of the lab that the kernel still knows, by kind."""
    directory = str(lab.root / lab.name)
    mounts = Path("/proc/self/mountinfo").read_text().splitlines()
    loops = run("losetup", "--list", "-n", "-O", "NAME,BACK-FILE").splitlines()
    propagate = Path("/run/systemd/nspawn/propagate").glob(f"{plan.prefix}-*")
    links = run("ip", "-br", "link").splitlines()
    found = {
        "processes": [p for p in run("ps", "-wweo", "pid,args").splitlines() if directory in p],
        "mounts": [line for line in mounts if directory in line],
        "loops": [line for line in loops if directory in line],
        "namespaces": [n for n in os.listdir("/run/netns") if n.startswith(f"{plan.prefix}-")],
        "cgroups": [str(p) for p in Path("/sys/fs/cgroup").glob(f"*/kafka-fleet/{plan.prefix}")],
        "propagate": [str(path) for path in propagate],
        "links": [line for line in links if line.startswith(f"{plan.prefix}@")],
    }
    return {kind: what for kind, what in found.items() if what}


@pytest.fixture
def other(small: Callable[..., MachineSpec]) -> Iterator[Lab]:
    """A second lab, beside the shared one, with one machine."""
    made = Lab(f"labtest-{os.getpid()}-2")
    try:
        made.up()
        made.create_machine(small("a"))
        yield made
    finally:
        made.destroy()


def test_labs_live_side_by_side_and_down_leaves_nothing(
    lab: Lab, a: Machine, other: Lab, ssh: Ssh
) -> None:
    plan = other.plan
    assert not set(plan.networks) & set(lab.plan.networks)
    assert set(traces(plan, other)) >= {"processes", "mounts", "loops", "namespaces", "cgroups"}
    other.down()
    assert traces(plan, other) == {}
    other.down()
    assert ssh(a, "echo alive").strip() == "alive", "the lab beside is untouched"
    with pytest.raises(LabError, match="is down: bring it up first"):
        other.start("a")
    down = other.show("a")
    assert down
    assert not down.running


def test_addresses_of_a_lab_that_is_down_do_not_leave_the_host(other: Lab) -> None:
    other.down()
    assert run("ip", "route", "show", str(other.plan.lan)).startswith("unreachable")
    other.destroy()
    with pytest.raises(LabError, match="has no addresses yet"):
        _ = other.plan


def test_up_brings_back_what_ran_and_only_that(
    other: Lab, small: Callable[..., MachineSpec]
) -> None:
    other.create_machine(small("stopped"))
    other.stop("stopped")
    before = other.plan
    other.down()
    other.up()
    other.up()
    assert other.plan == before
    assert {m.name: m.running for m in other.machines()} == {"a": True, "stopped": False}


def test_a_lab_that_lost_all_its_supervisors_is_cleared(other: Lab) -> None:
    """kill -9 of every keeper, nspawn and lxcfs leaves live machines, mounts and a dead FUSE."""
    plan = other.plan
    kill_supervisors(other)
    assert traces(plan, other)["cgroups"]
    other.down()
    assert traces(plan, other) == {}


def test_up_heals_a_lab_that_lost_all_its_supervisors(other: Lab, ssh: Ssh) -> None:
    kill_supervisors(other)
    other.up()
    machine = other.show("a")
    assert machine
    assert machine.running
    assert ssh(machine, "free -m | awk '/Mem:/ {print $2}'").strip() == "512"


def test_up_after_a_power_loss_of_the_host_brings_everything_back(
    other: Lab, small: Callable[..., MachineSpec], ssh: Ssh
) -> None:
    other.create_machine(small("stopped"))
    other.stop("stopped")
    plan, machine = other.plan, other.show("a")
    assert machine
    ssh(machine, "echo kept >/root/note && sync")
    other.set_security_group("open", [Rule(source=plan.outside, ports=((22, 22),))])
    other.put_in_group("a", "open")
    other.lose_power()
    assert traces(plan, other) == {}
    assert not [net for net in plan.networks if run("ip", "route", "show", str(net))]
    assert not other.status().up
    other.up()
    assert other.status().up
    assert other.plan == plan
    assert {m.name: m.running for m in other.machines()} == {"a": True, "stopped": False}
    assert ssh(machine, "cat /root/note").strip() == "kept"
    back = other.show("a")
    assert back
    assert back.security_group == "open"


def test_up_finishes_what_a_power_loss_cut_off(
    other: Lab, small: Callable[..., MachineSpec]
) -> None:
    """A creation that was on file only, and a removal that had begun to erase."""
    other.create_machines([small("born"), small("dying")])
    other.lose_power()
    machines = other.root / other.name / "machines"
    for name in ("upper", "work", "root", "data.img", "identified"):
        left = machines / "born" / name
        shutil.rmtree(left) if left.is_dir() else left.unlink()
    dying = machines / "dying" / "machine.json"
    dying.write_text(dying.read_text().replace('"running"', '"stopped"'))
    shutil.rmtree(machines / "dying" / "upper")
    (machines / "a" / ".machine.json.4711").write_text('{"spec": {"na')
    other.up()
    running = {machine.name: machine.running for machine in other.machines()}
    assert running == {"a": True, "born": True, "dying": False}
    other.remove("dying")
    assert sorted(path.name for path in machines.glob("[!.]*")) == ["a", "born"]


def test_one_machine_that_does_not_start_is_named_and_keeps_no_other_down(
    other: Lab, small: Callable[..., MachineSpec]
) -> None:
    other.create_machine(small("broken"))
    other.lose_power()
    machines = other.root / other.name / "machines"
    (machines / "broken" / "ssh_host_ed25519_key").unlink()
    (machines / "broken" / "identified").unlink()
    with pytest.raises(MachinesDown, match=r"^machine broken: .*ssh_host_ed25519_key"):
        other.up()
    assert {m.name: m.running for m in other.machines()} == {"a": True, "broken": False}
    assert other.status().up


def test_a_damaged_file_is_named(other: Lab) -> None:
    record = other.root / other.name / "machines" / "a" / "machine.json"
    whole = record.read_text()
    record.write_text(whole[: len(whole) // 2])
    with pytest.raises(LabError, match=r"machines/a/machine\.json is damaged and cannot be read"):
        other.machines()
    record.write_text(whole)


def test_destroy_leaves_nothing_at_all(other: Lab) -> None:
    plan = other.plan
    client = in_netns(other.client("outside").netns, ("sleep", "60"))
    with subprocess.Popen(client) as forgotten:
        other.destroy()
        assert forgotten.wait(timeout=5) == -signal.SIGKILL
    other.destroy()
    assert traces(plan, other) == {}
    assert not (other.root / other.name).exists()
    assert not Path(f"/run/kafka-fleet/kf{plan.slot}").exists()
    assert not [net for net in plan.networks if run("ip", "route", "show", str(net))]
    assert not other.exists()


def test_many_may_ask_for_the_same_at_once(other: Lab, small: Callable[..., MachineSpec]) -> None:
    with ThreadPoolExecutor(6) as pool:
        ups = [pool.submit(other.up) for _ in range(3)]
        made = [pool.submit(other.create_machine, small("same")) for _ in range(3)]
        for future in ups:
            future.result()
        assert len({future.result() for future in made}) == 1
    assert len(other.machines()) == 2
    keepers = run("ps", "-wweo", "args").splitlines()
    console = str(other.root / other.name / "machines/same/console.log")
    assert sum(line.startswith("sh ") and console in line for line in keepers) == 1


def test_labs_of_another_root_have_slots_and_factors_of_their_own(lab: Lab) -> None:
    root = Path("/var/lib") / f"kafka-fleet-test-{os.getpid()}"
    stranger = Lab("stranger", root=root, factor=Factor(memory=0.5))
    try:
        stranger.up()
        assert stranger.plan.slot != lab.plan.slot
        assert Lab("stranger", root=root).status().factor.memory == 0.5
        assert lab.status().factor.memory == 0.25
    finally:
        stranger.destroy()
        stranger.root.rmdir()


def test_a_network_in_use_is_refused() -> None:
    busy = Lab(f"labtest-{os.getpid()}-3", network="127.0.0.0/15")
    reason = r"no free slot for a lab: 127\..*/24 overlaps the host's route to 127\.0\.0\.0/8"
    try:
        with pytest.raises(LabRefused, match=reason):
            busy.up()
        assert not (busy.root / busy.name).exists()
    finally:
        busy.destroy()


def test_room_shrinks_by_what_is_promised(other: Lab, small: Callable[..., MachineSpec]) -> None:
    before = other.room()
    other.create_machine(small("large", memory_mb=16384, disk_gb=100))
    after = other.room()
    assert 3000 < before.effective_memory_mb - after.effective_memory_mb < 5000
    assert 0 <= before.effective_disk_gb - after.effective_disk_gb <= 3
    assert before.disk_gb - after.disk_gb <= 150
    assert after.memory_mb == int(after.effective_memory_mb / 0.25)
    assert before.addresses - after.addresses == 1


def test_a_lab_needs_a_plain_name() -> None:
    with pytest.raises(LabRefused, match="lab name 'No Way' must be 1-48 lower-case letters"):
        Lab("No Way")


def kill_supervisors(lab: Lab) -> None:
    directory = str(lab.root / lab.name)
    for line in run("ps", "-wweo", "pid,comm,args").splitlines():
        pid, command, arguments = (*line.split(None, 2), "")[:3]
        if directory in arguments and command in ("sh", "systemd-nspawn", "lxcfs"):
            os.kill(int(pid), signal.SIGKILL)
