"""Machines of one's own: the lines of docs/own-hosts.md, and hosts refused one by one."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from flows.settings import CHECKOUT
from inventories.lab import Lab
from tests.acceptance.foreign import NOMINAL_MB, Foreign, make_foreign
from tests.acceptance.plane import Plane, new_plane, wait_until

pytestmark = pytest.mark.slow
"""Minutes that the 35 of `./fleet test` do not have."""

SMALL_MB = 2048
BLANK = (
    "sudo find / -xdev -not -path '/proc/*' -not -path '/run/*' -not -path '/tmp/*' "
    "-not -path '/sys/*' -not -path '/dev/*' -not -path '/var/log/*' -not -path '/etc/sub?id-' "
    "| sort; sort /etc/passwd /etc/group; sudo nft list ruleset; sudo blkid --probe /dev/vdb; "
    "systemctl list-unit-files --no-legend; sudo cat .ssh/authorized_keys; ls -a"
)


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Foreign]:
    """Three machines that can carry a broker and a small one, in a lab that nobody knows."""
    lab = Lab(f"own-{os.getpid()}")
    try:
        lab.up()
        sizes = [NOMINAL_MB, NOMINAL_MB, NOMINAL_MB, SMALL_MB]
        yield make_foreign(lab, tmp_path_factory.mktemp("own"), sizes)
    finally:
        lab.destroy()


@pytest.fixture(scope="module")
def own(foreign: Foreign, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Plane]:
    """A control plane that has no lab and this list, started as the page says."""
    plane = new_plane(tmp_path_factory.mktemp("own-fleet") / "home", lab="none")
    plane = Plane({**plane.environment, "FLEET_HOSTS": str(foreign.listed)})
    try:
        plane.succeeds(*lines_of_the_page()[0])
        yield plane
    finally:
        plane.fleet("down", "--now")


def lines_of_the_page() -> list[list[str]]:
    """What the page says to type, from `./fleet up` on."""
    page = (CHECKOUT / "docs" / "own-hosts.md").read_text()
    block = page.split("```")[1]
    return [shlex.split(line)[1:] for line in block.splitlines() if line.startswith("./fleet ")]


def test_the_lines_of_the_page_create_and_delete_an_instance(
    own: Plane, foreign: Foreign, tmp_path: Path
) -> None:
    three = foreign.machines[:3]
    foreign.write_list([machine.name for machine in three])
    before = [foreign.shell(machine, BLANK) for machine in three]
    _, *lines, goodbye = lines_of_the_page()
    assert [line[0] for line in lines[:2]] == ["hosts", "run"]
    for line in lines:
        own.succeeds(*(str(tmp_path / "bundle") if "bundle" in word and "/" in word else word
                       for word in line))  # fmt: skip
    shown = own.json("show", "demo")
    assert shown["status"] == "Running"
    assert {broker["address"] for broker in shown["brokers"]} == {
        str(machine.address) for machine in three
    }
    owner = [foreign.shell(machine, "cat /etc/kafka-fleet/owner").strip() for machine in three]
    assert owner == [shown["id"]] * 3
    assert {line["instance"] for line in own.json("hosts")} == {"demo"}
    own.succeeds("logs", "demo", "1", "--since", "1h")

    own.succeeds(*goodbye)
    assert [foreign.shell(machine, BLANK) for machine in three] == before
    assert {line["state"] for line in own.json("hosts")} == {"free"}
    assert not own.lab.exists()


def test_hosts_that_are_not_fit_are_refused_one_by_one(own: Plane, foreign: Foreign) -> None:
    first, second, third, small = foreign.machines
    foreign.write_list()
    serve = "sudo systemd-run --quiet --unit={} --collect {}"
    foreign.shell(first, serve.format("squatter", "python3 -m http.server 9092"))
    foreign.shell(second, serve.format("rival", "sh -c 'sleep infinity; : \"$@\"' kafka.Kafka a"))
    foreign.shell(third, "sudo mkdir /etc/kafka-fleet; echo other123 | sudo tee "
                  "/etc/kafka-fleet/owner")  # fmt: skip
    try:
        found = {
            f'host "{first.name}" ({first.address}): port 9092 is in use',
            f'host "{second.name}" ({second.address}): another Kafka is installed or running there',
            f'host "{third.name}" ({third.address}): it carries the marker of instance other123',
            f'host "{small.name}" ({small.address}): it has 512 MB of memory, 4096 MB are needed',
        }
        wait_until(lambda: found == set(_reasons(own)), "every host is refused", 60)
        wish = ("name=demo", "provider=hosts")
        refused = own.fleet("run", "create-instance", *wish, "availability_zones=3")
        assert refused.returncode == 2
        assert all(sentence in refused.stderr for sentence in found - {_small(found)})
        assert {line["state"] for line in own.json("hosts")} == {"free"}
        assert foreign.shell(first, "ls -d /etc/kafka-fleet || true") == ""
    finally:
        foreign.shell(first, "sudo systemctl stop squatter")
        foreign.shell(second, "sudo systemctl stop rival")
        foreign.shell(third, "sudo rm -r /etc/kafka-fleet")


def test_hosts_that_are_not_the_ones_of_the_list_are_not_talked_to(
    own: Plane, foreign: Foreign
) -> None:
    first, second, _, _ = foreign.machines
    foreign.write_list(
        [first.name, second.name],
        **{first.name: {"host_key": second.host_key}, second.name: {"port": 2222}},
    )
    impostor, silent = _reasons(own)
    assert impostor == (
        f"{first.name} ({first.address}) is not talked to: another host key than the pinned one "
        "is shown there"
    )
    assert silent.startswith(f"{second.name} ({second.address}) gave no answer: ")


def _reasons(own: Plane) -> list[str]:
    """Why hosts are not fit, as `fleet hosts --check` tells it."""
    done = own.fleet("hosts", "--check")
    return [line for line in done.stdout.splitlines() if "(198.18." in line]


def _small(sentences: set[str]) -> str:
    """Not looked at by the creation: two zones have no host left before its turn comes."""
    return next(sentence for sentence in sentences if "memory" in sentence)
