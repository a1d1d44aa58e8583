"""Links and namespaces: a routed topology without a bridge.

Every machine's link ends in the router's namespace as a network of its own; the router answers
ARP for the rest of the LAN, so that each packet, from machine to machine too, passes one
forward chain. Nothing of the host's firewall or forwarding is read or changed.
"""

from __future__ import annotations

import json
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path

from inventories.lab.addresses import AddressPlan, link_of, mac_of
from inventories.lab.commands import in_netns, run, works

NETNS = Path("/run/netns")
UNREACHABLE_METRIC = 9999


def up(plan: AddressPlan) -> None:
    """Router, host link and clients are there; the lab's networks never leave by other routes."""
    guard(plan)
    router = plan.router_netns
    _make_netns(router)
    _sysctl(router, "net.ipv4.ip_forward=1", "net.ipv4.conf.all.send_redirects=0")
    nobody = (plan.lan, plan.eips, plan.endpoints)
    _ip(router, ["link set lo up", *(f"route replace unreachable {net}" for net in nobody)])
    _link_host(plan)
    _attach(plan, plan.client_netns("lan"), plan.lan_client)
    _client(plan, "outside", plan.outside)
    _client(plan, "vpc", plan.vpc)


def down(plan: AddressPlan) -> None:
    """No namespace or link of the lab is left.

    The kernel takes a namespace's links away some time after the namespace, so the host's own
    end is deleted first: a lab that comes up at once needs the name.
    """
    if Path("/sys/class/net", plan.prefix).exists():
        run("ip", "link", "del", plan.prefix)
    for name in namespaces(plan):
        run("ip", "netns", "del", name)


def guard(plan: AddressPlan) -> None:
    """With the lab down its addresses answer 'unreachable' instead of leaving the host."""
    for network in plan.networks:
        run("ip", "route", "replace", "unreachable", str(network), *_guard_metric())


def unguard(plan: AddressPlan) -> None:
    """The host knows nothing of the lab's networks any more."""
    present = {route for route, kind in _routes() if kind == "unreachable"}
    for network in plan.networks:
        if network in present:
            run("ip", "route", "del", "unreachable", str(network), *_guard_metric())


def _guard_metric() -> tuple[str, str]:
    return ("metric", str(UNREACHABLE_METRIC))


def namespaces(plan: AddressPlan) -> list[str]:
    """The network namespaces of this lab, asked from the kernel."""
    if not NETNS.is_dir():
        return []
    return sorted(p.name for p in NETNS.iterdir() if p.name.startswith(f"{plan.prefix}-"))


def attach_machine(plan: AddressPlan, name: str, address: IPv4Address) -> str:
    """The machine's namespace, with its address, before it boots."""
    netns = plan.machine_netns(name)
    _attach(plan, netns, address)
    return netns


def detach_machine(plan: AddressPlan, name: str) -> None:
    """The machine's namespace and link are gone."""
    netns = plan.machine_netns(name)
    if (NETNS / netns).exists():
        works("ip", "-netns", netns, "link", "del", "eth0")
        run("ip", "netns", "del", netns)


def host_routes() -> list[IPv4Network]:
    """The networks that the host itself reaches, default routes included."""
    return [network for network, _ in _routes()]


def host_resolvers(resolv_conf: Path = Path("/etc/resolv.conf")) -> list[IPv4Address]:
    """The host's IPv4 name servers."""
    words = [line.split() for line in resolv_conf.read_text().splitlines()]
    return [
        IPv4Address(word[1])
        for word in words
        if len(word) > 1 and word[0] == "nameserver" and ":" not in word[1]
    ]


def _routes() -> list[tuple[IPv4Network, str]]:
    listed = json.loads(run("ip", "-json", "-4", "route", "show", "table", "all") or "[]")
    return [
        (IPv4Network(entry["dst"].replace("default", "0.0.0.0/0")), entry.get("type", "unicast"))
        for entry in listed
        if entry.get("dst")
    ]


def _attach(plan: AddressPlan, netns: str, address: IPv4Address) -> None:
    """A namespace with one LAN address; made again, it is as new."""
    if (NETNS / netns).exists():
        return
    link, router = link_of(address), plan.router_netns
    _make_netns(netns)
    _veth(router, link, netns, "eth0", address)
    _ip(
        netns,
        [
            f"addr add {address}/{plan.lan.prefixlen} dev eth0",
            "link set lo up",
            "link set eth0 up",
            f"route add default via {plan.gateway}",
        ],
    )
    _route_to(plan, link, address)


def _route_to(plan: AddressPlan, link: str, address: IPv4Address) -> None:
    """The router's end of a LAN link: it answers ARP for the LAN, and knows who is behind it."""
    _ip(
        plan.router_netns,
        [
            f"addr add {plan.gateway}/32 dev {link}",
            f"link set {link} up",
            f"route replace {address}/32 dev {link}",
        ],
    )
    _sysctl(
        plan.router_netns,
        f"net.ipv4.conf.{link}.proxy_arp=1",
        # The kernel's default waits up to 0.8 s before it answers for another.
        f"net.ipv4.neigh.{link}.proxy_delay=0",
    )


def _link_host(plan: AddressPlan) -> None:
    """The control plane's own link; its name in the host is the lab's prefix."""
    host_end = plan.prefix
    run(
        *("ip", "link", "add", host_end, "address", mac_of(plan.host), "type", "veth"),
        *("peer", "name", "host0", "netns", plan.router_netns),
    )
    run("ip", "addr", "add", f"{plan.host}/32", "dev", host_end)
    run("ip", "link", "set", host_end, "up")
    _route_to(plan, "host0", plan.host)
    for network in plan.networks:
        via = ("via", str(plan.gateway), "onlink", "src", str(plan.host))
        run("ip", "route", "replace", str(network), *via, "dev", host_end)


def _client(plan: AddressPlan, network: str, subnet: IPv4Network) -> None:
    """A namespace of clients in a network of their own, with the router as its way out."""
    netns, link = plan.client_netns(network), f"{network}0"
    _make_netns(netns)
    _veth(plan.router_netns, link, netns, "eth0", subnet[10])
    _ip(plan.router_netns, [f"addr add {subnet[1]}/24 dev {link}", f"link set {link} up"])
    _ip(
        netns,
        [
            f"addr add {subnet[10]}/24 dev eth0",
            "link set lo up",
            "link set eth0 up",
            f"route add default via {subnet[1]}",
        ],
    )


def _veth(netns: str, link: str, peer_netns: str, peer: str, address: IPv4Address) -> None:
    run(
        *("ip", "link", "add", link, "netns", netns, "type", "veth", "peer", "name", peer),
        *("address", mac_of(address), "netns", peer_netns),
    )


def _make_netns(name: str) -> None:
    if not (NETNS / name).exists():
        run("ip", "netns", "add", name)


def _ip(netns: str, lines: list[str]) -> None:
    run("ip", "-netns", netns, "-batch", "-", stdin="".join(f"{line}\n" for line in lines))


def _sysctl(netns: str, *settings: str) -> None:
    run(*in_netns(netns, ("sysctl", "-q", "-w", *settings)))
