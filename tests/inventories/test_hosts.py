"""The list of own machines: what it says is read, each mistake is one sentence."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inventories.hosts import Host, HostsRefused, load_hosts, read_hosts
from inventories.hosts.choosing import Need, choose
from inventories.hosts.model import zones_by_hosts

EXAMPLE = Path(__file__).parents[2] / "inventories/hosts/example.yml"
TEXT = EXAMPLE.read_text()


def test_the_example_is_right() -> None:
    found = read_hosts(TEXT, "example.yml", EXAMPLE.parent)
    assert [host.name for host in found.hosts] == ["kafka-1", "kafka-2", "kafka-3"]
    assert [host.zone for host in found.hosts] == ["rack-a", "rack-b", "rack-c"]
    assert [(host.user, host.port) for host in found.hosts][1:] == [("admin", 22), ("root", 2222)]
    assert found.hosts[0].key_file == Path("~/.ssh/kafka-fleet").expanduser()
    assert found.network == "192.0.2.0/24"


SECOND_KEY = next(line for line in TEXT.splitlines() if "IE0t5" in line)


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "192.0.2.12",
            "192.0.2.11",
            'host "kafka-2": address 192.0.2.11 is that of host "kafka-1" as well; each machine '
            "stands once",
        ),
        (
            "name: kafka-3",
            "name: kafka-1",
            'host "kafka-1": name kafka-1 is that of host "kafka-1" as well; each machine stands '
            "once",
        ),
        (
            "    port: 2222",
            "    colour: hunter2",
            'host "kafka-3": there is no key colour; accepted are name, address, host_key, zone, '
            "vcpus, memory_gb, data_device, disk_gb, user, key_file, port",
        ),
        (
            "    port: 2222",
            "    ansible_become_password: hunter2",
            "key ansible_become_password: no password or secret is accepted here, SSH keys only",
        ),
        (
            "  user: admin",
            "  ssh_pass: hunter2",
            "key ssh_pass: no password or secret is accepted here, SSH keys only",
        ),
        (
            SECOND_KEY,
            "",
            'host "kafka-2": host_key: it is missing; it pins the machine; the machine itself '
            "shows it by `cat /etc/ssh/ssh_host_ed25519_key.pub`",
        ),
        (
            SECOND_KEY,
            "    host_key: ssh-ed25519 hunter2",
            'host "kafka-2": host_key is no public key: one line such as `ssh-ed25519 AAAA...` is '
            "accepted, of the kinds ssh-ed25519, ecdsa-sha2-nistp256, ecdsa-sha2-nistp384, ssh-rsa",
        ),
        (
            "192.0.2.13",
            "kafka3.local",
            'host "kafka-3": address "kafka3.local": the IPv4 address of a machine is accepted',
        ),
        (
            "192.0.2.13",
            "127.0.0.1",
            'host "kafka-3": address "127.0.0.1": the IPv4 address of a machine is accepted',
        ),
        (
            "disk_gb: 200",
            "disk_gb: lots",
            'host "kafka-3": disk_gb "lots": a whole number from 1 on is accepted',
        ),
        (
            "port: 2222",
            "port: 70000",
            'host "kafka-3": port "70000": a TCP port from 1 to 65535 is accepted',
        ),
        (
            "    data_device: /dev/sdb\n",
            "",
            'host "kafka-3": data_device: it is missing; a block device for Kafka\'s data alone; '
            "without one a machine cannot be taken",
        ),
        (
            "/dev/sdb",
            "/srv/data",
            'host "kafka-3": data_device "/srv/data": the path of a block device, such as '
            "/dev/vdb, is accepted",
        ),
        (
            "network: 192.0.2.0/24",
            "network: 192.0.2.7/24",
            'network "192.0.2.7/24": an IPv4 network such as 192.0.2.0/24 is accepted',
        ),
        ("network: 192.0.2.0/24", "", "network: it is missing"),
        (
            "    port: 2222",
            "    port: 2222\n    port: 23",
            "key port: it stands twice in the mapping of line 36",
        ),
        (
            "  user: admin",
            "  login: admin",
            "ssh: there is no key login; accepted are user, key_file, port",
        ),
    ],
)
def test_each_mistake_is_one_sentence(old: str, new: str, sentence: str) -> None:
    assert old in TEXT
    with pytest.raises(HostsRefused) as refused:
        read_hosts(TEXT.replace(old, new, 1), "hosts.yml")
    assert str(refused.value) == f"hosts.yml: {sentence}"


POSTS = """
vantages:
  - {name: office, network: outside, address: 198.51.100.20, host_key: KEY, user: me}
gateways:
  - {name: edge-1, address: 192.0.2.1, host_key: KEY, port: 2022}
""".replace("KEY", SECOND_KEY.partition("host_key: ")[2])


def test_vantages_and_gateways_stand_beside_the_hosts() -> None:
    found = read_hosts(TEXT + POSTS, "hosts.yml", EXAMPLE.parent)
    (office,), (edge,) = found.vantages, found.gateways
    assert (office.words, office.network) == ('vantage "office" (198.51.100.20)', "outside")
    assert (edge.words, edge.network) == ('gateway "edge-1" (192.0.2.1)', "")
    assert [(post.user, post.port) for post in (office, edge)] == [("me", 22), ("admin", 2022)]
    assert office.key_file == Path("~/.ssh/kafka-fleet").expanduser()


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        (
            "network: outside,",
            "network: moon,",
            'vantage "office": network "moon": one of lan, outside, endpoint is accepted',
        ),
        (
            "network: outside,",
            "",
            'vantage "office": network: it is missing',
        ),
        (
            "gateways:",
            "  - {name: home, network: outside, address: 198.51.100.21, host_key: KEY}\ngateways:",
            'vantage "home": network outside has the vantage "office" already; one in each is '
            "accepted",
        ),
        (
            "port: 2022",
            "network: outside",
            'gateway "edge-1": there is no key network; accepted are name, address, host_key, '
            "user, key_file, port",
        ),
        ("gateways:\n  - {name", "gateways: {name", "gateways: a list of machines is accepted"),
    ],
)
def test_each_mistake_in_vantages_and_gateways_is_one_sentence(
    old: str, new: str, sentence: str
) -> None:
    key = SECOND_KEY.partition("host_key: ")[2]
    text = TEXT + POSTS.replace(old, new.replace("KEY", key))
    with pytest.raises(HostsRefused) as caught:
        read_hosts(text, "hosts.yml", EXAMPLE.parent)
    assert str(caught.value) == f"hosts.yml: {sentence}"


@given(text=st.text(max_size=60))
def test_whatever_else_it_holds_is_refused_in_words(text: str) -> None:
    with pytest.raises(HostsRefused, match=r"^hosts\.yml: "):
        read_hosts(text, "hosts.yml")


def _listed(directory: Path, key_file: str = "id") -> Path:
    path = directory / "hosts.yml"
    path.write_text(TEXT.replace("~/.ssh/kafka-fleet", key_file))
    return path


def test_a_file_and_its_keys_must_be_there_and_be_private(tmp_path: Path) -> None:
    def refused() -> str:
        with pytest.raises(HostsRefused) as caught:
            load_hosts(path)
        return str(caught.value).replace(str(tmp_path), "")

    path = tmp_path / "hosts.yml"
    assert refused() == "/hosts.yml: there is no such file; name a list of your machines"
    _listed(tmp_path)
    where = '/hosts.yml: host "kafka-1": key_file /id: '
    assert refused() == f"{where}it cannot be read: No such file or directory"
    key = tmp_path / "id"
    key.write_text("hunter2")
    assert refused() == f"{where}it is no private key; one in OpenSSH's format is accepted"
    key.unlink()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "hunter2x", "-f", key], check=True)
    assert refused() == f"{where}it has a passphrase; a key without one is accepted"
    argv = ["ssh-keygen", "-q", "-p", "-P", "hunter2x", "-N", "", "-f", str(key)]
    subprocess.run(argv, check=True, stdout=subprocess.DEVNULL)
    key.chmod(0o644)
    assert refused() == f"{where}others may read it; `chmod 600` makes it its owner's alone"
    key.chmod(0o600)
    assert len(load_hosts(path).hosts) == 3


# Which machine carries what.


def host(name: str, zone: str = "a", memory_gb: int = 4) -> Host:
    return Host(
        name, f"192.0.2.{name}", "", 2, memory_gb, "/dev/vdb", 100, "root", Path(), 22, zone
    )


def need(name: str, zone: str = "a", memory_gb: int = 4, address: str | None = None) -> Need:
    return Need(name, zone, 2, memory_gb, 100, address)


def test_the_smallest_machine_of_the_zone_that_will_do_is_taken() -> None:
    free = [host("1", memory_gb=16), host("2"), host("3", zone="b"), host("4", memory_gb=8)]
    chosen = choose([need("x"), need("y", memory_gb=8), need("z", zone="b")], free)
    assert {name: each.name for name, each in chosen.hosts.items()} == {
        "x": "2",
        "y": "4",
        "z": "3",
    }
    assert chosen.unmet == ()


def test_what_nobody_is_left_for_is_named() -> None:
    chosen = choose([need("x"), need("y")], [host("1")])
    assert [each.name for each in chosen.unmet] == ["y"]
    assert chosen.unmet[0].words == (
        "a host in zone a with at least 2 vCPUs, 4 GB of memory and 100 GB of disk"
    )


def test_a_replaced_machine_takes_only_the_spare_with_its_address() -> None:
    free = [host("1"), host("2")]
    chosen = choose([need("x", address="192.0.2.2")], free)
    assert chosen.hosts["x"].name == "2"
    (unmet,) = choose([need("x", address="192.0.2.9")], free).unmet
    assert unmet.words == "the spare host that has the address 192.0.2.9"


NEEDS = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 9)), max_size=6)


@given(sizes=NEEDS, asked=NEEDS)
def test_no_machine_is_given_twice_or_too_small(
    sizes: list[tuple[str, int]], asked: list[tuple[str, int]]
) -> None:
    free = [host(str(number), *each) for number, each in enumerate(sizes)]
    needs = [need(str(number), *each) for number, each in enumerate(asked)]
    chosen = choose(needs, free)
    assert len(set(chosen.hosts.values())) == len(chosen.hosts)
    assert len(chosen.hosts) + len(chosen.unmet) == len(needs)
    assert all(
        each.is_met_by(chosen.hosts[each.name]) for each in needs if each.name in chosen.hosts
    )
    left = set(free) - set(chosen.hosts.values())
    assert not any(each.is_met_by(one) for each in chosen.unmet for one in left)


def test_zones_with_most_hosts_come_first() -> None:
    hosts = [host("1"), host("2", zone="b"), host("3", zone="c"), host("4", zone="c")]
    assert zones_by_hosts(hosts) == ("c", "a", "b")
