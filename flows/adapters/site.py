"""The open doors to one instance: what each outside world can be asked, as protocols.

Each protocol has one real implementation beside this file and one fake in the tests; both
pass the same contract tests.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from flows.adapters.stage import Findings, Stage
from flows.domain.cluster import (
    Cluster,
    ClusterState,
    Login,
    NewTopic,
    Partition,
    Permission,
    Replica,
    RoundTrip,
    ZNode,
)
from flows.domain.instance import Broker, HostState, Instance, Machine, Status
from flows.domain.machines import HostFacts, MachineOrder, MachineSize, Room
from flows.domain.operations import Caller, OperationRow, OperationStatus, Run, Trace
from flows.domain.quotas import Allowance
from flows.domain.wish import Wish

if TYPE_CHECKING:
    # Every command imports this file; what it names only in signatures `fleet ls` need not pay for.
    from certs.leaf import Leaf
    from flows.domain.access_seen import AtBoot, HostWays
    from flows.domain.dnat import GatewayState, Translation
    from flows.domain.firewall import Hold
    from flows.domain.host_files import HostFile
    from flows.domain.listeners import Listener
    from flows.domain.probing import ProbeEnd, Sight
    from flows.domain.progress import Progress
    from flows.domain.reassignment import PartitionName
    from flows.domain.security_groups import GroupRule
    from flows.domain.seen_clients import SeenClient
    from flows.domain.served import ServedChain
    from flows.domain.vantage import Address, Answer, Network


class Clock(Protocol):
    """Time and chance, so that tests can hold them."""

    def now(self) -> datetime: ...
    def monotonic(self) -> float: ...
    def pause(self, seconds: float) -> None: ...
    def token(self, characters: int) -> str:
        """Random lower-case letters and digits, the first one a letter."""
        ...

    def password(self, characters: int) -> str:
        """A random password that keeps the rules of SPEC 1.1."""
        ...


class Provider(Protocol):
    """Where machines come from; every call is idempotent by name."""

    name: str
    keeps_machines: bool
    """Whether machines outlive an instance (own hosts) and so must be cleaned, not removed."""
    restarts_to_resize: bool
    """Whether a machine has to start anew to get another size."""

    @property
    def words(self) -> str:
        """What the provider is, for sentences: `the lab (...)`."""
        ...

    def defaults(self) -> Mapping[str, str]:
        """The provider's `provider`, `network`, `subnet` and `security_group`."""
        ...

    def objections(self, wish: Wish) -> tuple[str, ...]:
        """Sentences for what this provider cannot do of a wish, by name; empty when all is well."""
        ...

    def zones(self) -> tuple[str, ...]: ...
    def room(self) -> Room: ...
    def need(self, order: MachineOrder) -> Room:
        """What one machine takes of the room."""
        ...

    def control_address(self) -> str:
        """The address from which machines see the control plane."""
        ...

    def client_network(self) -> str:
        """The network (CIDR) whose clients the default security group lets in."""
        ...

    def survey(self, orders: Sequence[MachineOrder]) -> tuple[str, ...]:
        """Sentences for why there are no machines for these orders; nothing is changed.

        Only where machines are there already and have to be looked at.
        """
        ...

    def make(self, orders: Sequence[MachineOrder]) -> tuple[Machine, ...]:
        """All of them, in parallel; those that exist already are started and returned."""
        ...

    def size(self, name: str) -> MachineSize | None:
        """The machine's size now; None when there is no such machine."""
        ...

    def resize(self, name: str, vcpus: int, memory_gb: int) -> None:
        """The machine has this size and runs; EffectFailed where machines are what they are."""
        ...

    def grow_disk(self, name: str, gb: int) -> None:
        """The data disk has this size, live; its file system is not touched. It never shrinks."""
        ...

    def exists(self, name: str) -> bool: ...
    def running(self, name: str) -> bool: ...
    def remove(self, names: Sequence[str]) -> None:
        """None of them exists any more; no trace of their disks and addresses is left.

        One of a provider that keeps its machines is free for others, once it is clean.
        """
        ...

    def clean_left(self) -> tuple[str, ...]:
        """Machines that could not be given back clean, and answer again, are; a line for each."""
        ...

    @property
    def routes_eips(self) -> bool:
        """Whether it leads EIPs to machines; otherwise their owner does, and a proof shows it."""
        ...

    def eips(self) -> Mapping[str, str]:
        """EIP -> the name of the machine or gateway that it leads to, as far as is known."""
        ...

    def eip_objection(self, eip: str) -> str:
        """Why the address (IPv4) cannot be an EIP here; empty when it can."""
        ...

    def assign_eip(self, eip: str, machine: str) -> None:
        """Outside clients reach the machine or gateway at the EIP; EffectFailed if another does."""
        ...

    def release_eip(self, eip: str) -> None:
        """The EIP leads nowhere, and connections through it have ended."""
        ...

    @property
    def has_groups(self) -> bool:
        """Whether it has security groups; otherwise the network is its owner's."""
        ...

    def security_groups(self) -> Mapping[str, tuple[GroupRule, ...]]:
        """Group -> who may open connections to which ports of its machines."""
        ...

    def group_of(self, machine: str) -> str:
        """The one security group that the machine is in."""
        ...

    def set_security_group(self, group: str, rules: Sequence[GroupRule]) -> None:
        """The group exists with exactly these rules; EffectFailed where there are no groups."""
        ...

    def put_in_group(self, machine: str, group: str) -> None:
        """The machine is in this group and in no other."""
        ...

    def remove_security_group(self, group: str) -> None:
        """There is no such group; EffectFailed while a machine is in it."""
        ...


@dataclass(frozen=True)
class Play:
    """One playbook on some machines.

    `variables` and `secrets` are machine name -> variables of the roles; secrets travel through
    a FIFO only. `epoch` is refused by a host that has seen a higher one.
    """

    playbook: str
    machines: tuple[Machine, ...]
    epoch: int
    variables: Mapping[str, Mapping[str, Any]]
    secrets: Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class PlayResult:
    """What a play did: machine name -> number of changed tasks."""

    changed: Mapping[str, int]


class Ansible(Protocol):
    """Makes hosts right by playbook."""

    def play(self, play: Play) -> PlayResult:
        """The hosts are as the playbook says; otherwise EffectFailed with task, host, message."""
        ...


T = TypeVar("T")


class Stream(Protocol):
    """Bytes in both directions."""

    def sendall(self, data: bytes, /) -> object: ...
    def recv(self, size: int, /) -> bytes:
        """What has come; nothing at the end."""
        ...


class Tunnel(Protocol):
    """A way to one port that a host itself opens."""

    def talk(self, conversation: Callable[[Stream], T]) -> T:
        """What came of a conversation over a new connection; EffectFailed when there is none."""
        ...


class Hosts(Protocol):
    """Machines over SSH with pinned host keys; one round trip per question."""

    def reachable(self, machine: Machine) -> bool: ...
    def facts(self, machine: Machine) -> HostFacts: ...
    def observe(self, machine: Machine) -> HostState | None:
        """What the host says of itself, or None when it does not answer."""
        ...

    def unpack(self, machine: Machine, distribution: str, tarball: Path, epoch: int) -> None:
        """The distribution lies under /opt/kafka/<distribution>; nothing is sent twice."""
        ...

    def deliver(
        self,
        machine: Machine,
        epoch: int,
        files: Iterable[HostFile],
        loaded: Mapping[str, str],
    ) -> tuple[str, ...]:
        """These files lie on the host, all others stay; units (`loaded`) have loaded theirs.

        Answers what had to be done; a play that delivers the same later changes nothing.
        """
        ...

    def stop_kafka(self, machine: Machine, epoch: int) -> None:
        """Kafka was asked to stop; nobody waits for it, and it is never killed."""
        ...

    def start_kafka(self, machine: Machine, epoch: int, generation: int) -> bool:
        """Kafka runs; True when it had to be started, which the host notes as `generation`."""
        ...

    def finish_kafka(self, machine: Machine, epoch: int) -> tuple[int, ...]:
        """What still runs of a broker that was asked to stop and is registered nowhere any more.

        Empty once it has stopped. With all logs closed it is not waited for any longer, but ended.
        """
        ...

    def hold(self, machine: Machine, epoch: int, hold: Hold) -> None:
        """Nobody gets in at these ports until their time is over, counted from now."""
        ...

    def let_in(self, machine: Machine, epoch: int, table: str, way: str = "held") -> None:
        """No port is held any more."""
        ...

    def ways(self, machine: Machine, table: str) -> HostWays:
        """How clients come in, by this table of nftables and by what the broker starts with."""
        ...

    def load_firewall(self, machine: Machine, epoch: int) -> None:
        """The kernel filters as the host's file says, whatever it did before."""
        ...

    def partition_bytes(self, machine: Machine, partitions: Sequence[str]) -> tuple[int, ...]:
        """What each partition (`topic-number`) takes on the disk; 0 for one that is not there."""
        ...

    def clients(self, machine: Machine) -> tuple[SeenClient, ...]:
        """Who asked the broker of this machine for something in the last ten minutes."""
        ...

    def tunnel(self, machine: Machine, port: int) -> Tunnel:
        """The way to a port of the machine's own address, as somebody on it would connect."""
        ...

    def logs(self, machine: Machine, unit: str, since: str, follow: bool) -> Iterator[str]: ...


class Boots(Protocol):
    """What machines would do at their next boot."""

    def look(self, machine: Machine) -> AtBoot:
        """Which firewall it would load, and whether; EffectFailed when it does not answer."""
        ...


class Distributions(Protocol):
    """Kafka and ZooKeeper as checked tarballs."""

    def tarball(self, name: str) -> Path: ...


class ZooKeeper(Protocol):
    """The ensemble of one instance, through the product's own login."""

    def staying_connected(self, instance: Instance) -> AbstractContextManager[None]:
        """All calls inside share one session; otherwise each has one of its own."""
        ...

    def serving(self, instance: Instance) -> tuple[int, ...]:
        """The broker ids whose ZooKeeper node answers and belongs to a quorum."""
        ...

    def leader(self, instance: Instance) -> int | None:
        """The broker whose machine carries the ensemble's leader; None while there is none."""
        ...

    def write(self, instance: Instance, nodes: Sequence[ZNode]) -> int:
        """The nodes are there with this content and owner; returns how many had to be written."""
        ...

    def merge_config(self, instance: Instance, path: str, values: Mapping[str, str]) -> bool:
        """The configuration node holds these values beside those that it had; True if written."""
        ...

    def remove(self, instance: Instance, path: str) -> bool:
        """The node is gone, with all below it; True when it was there."""
        ...

    def announce(self, instance: Instance, change: str) -> None:
        """Brokers read the configuration of `change` again (`users/alice`)."""
        ...

    def registrations(self, instance: Instance) -> Mapping[int, int]:
        """Broker id -> generation (czxid) of its registration."""
        ...

    def state(self, instance: Instance) -> ClusterState:
        """Registrations, controller, partitions and moves as they are kept there."""
        ...

    def told(self, instance: Instance) -> Mapping[int, Mapping[str, str]]:
        """Broker -> listener -> `host:port` that it tells clients; `state` without the rest."""
        ...

    def broker_configs(self, instance: Instance) -> Mapping[str, Mapping[str, str]]:
        """Broker -> what it was told at run time; `state` without the rest."""
        ...

    def partitions(self, instance: Instance, wanted: Iterable[Partition]) -> tuple[Partition, ...]:
        """These partitions as they are now, without those that are gone; replicas as known."""
        ...


class Kafka(Protocol):
    """One cluster, as its super user through CONTROL, and as a client through PRIVATE."""

    def shut_down(self, instance: Instance, state: ClusterState, broker: int) -> tuple[str, ...]:
        """The controller takes a broker out of what it leads and of every in-sync set.

        Answers the partitions that it still leads. The broker's process must stop afterwards:
        the controller gives it nothing to do until it has registered anew.
        """
        ...

    def check_controller(self, instance: Instance, state: ClusterState) -> None:
        """The controller does what it is asked by now: one that is new reads everything first."""
        ...

    def near_controller(
        self, instance: Instance, state: ClusterState
    ) -> AbstractContextManager[None]:
        """Inside, `shut_down` goes over a connection to this controller that is open already."""
        ...

    def warm(self, instance: Instance, partition: tuple[str, int], requests: int) -> None:
        """A client's first requests to the leader of a partition are behind it."""
        ...

    def cluster(self, instance: Instance) -> Cluster: ...
    def cluster_as_seen_by(self, instance: Instance, broker: int) -> Cluster:
        """What this one broker tells clients; EffectFailed when it does not answer."""
        ...

    def check_answers(self, broker: Broker, listener: Listener) -> None:
        """This listener answers, before any login; EffectFailed when it does not."""
        ...

    def create_topic(self, instance: Instance, topic: NewTopic) -> bool:
        """The topic exists; True when it had to be made."""
        ...

    def add_partitions(self, instance: Instance, topic: NewTopic) -> bool:
        """The topic has at least these partitions; True when some had to be made, as assigned."""
        ...

    def accepts(self, instance: Instance, broker: Broker, login: Login) -> bool:
        """Whether this broker lets the user in through PRIVATE."""
        ...

    def replicas(self, instance: Instance) -> tuple[Replica, ...]:
        """Every replica on every disk with its size in bytes; internal topics too."""
        ...

    def permissions(self, instance: Instance) -> Mapping[str, tuple[Permission, ...]]:
        """Topic -> the list of its own."""
        ...

    def revoke(self, instance: Instance, principal: str) -> None:
        """No list names the principal any more."""
        ...

    def topics_with_permissions(self, instance: Instance) -> frozenset[str]: ...
    def grant(self, instance: Instance, topic: str, permissions: Sequence[Permission]) -> None: ...
    def elect_preferred(
        self, instance: Instance, partitions: Sequence[tuple[str, int]]
    ) -> None: ...
    def alter_broker(self, instance: Instance, broker: int, values: Mapping[str, str]) -> None:
        """The running broker was told these values beside those that it had.

        Kafka acknowledges before it applies, and some values without ever applying them: what
        matters is to be proved by its effect.
        """
        ...

    def configure(
        self, instance: Instance, settings: Mapping[str, Mapping[str, str | None]]
    ) -> None:
        """Topics and brokers (`topics/orders`, `brokers/1`) hold these values; None removes one.

        What they held besides stays.
        """
        ...

    def reassign(
        self, instance: Instance, lists: Mapping[PartitionName, tuple[int, ...] | None]
    ) -> None:
        """The partitions begin to move to these replicas; None cancels a move, where Kafka can."""
        ...

    def groups(self, instance: Instance) -> Mapping[str, frozenset[str]]:
        """Consumer group -> topics that it reads; a request or more for each group."""
        ...

    def round_trip(self, instance: Instance, topic: str, messages: int) -> RoundTrip:
        """Messages with acks=all to every partition through PRIVATE, read back by offset."""
        ...


class Probe(Protocol):
    """A client of its own that writes to, and reads from, a partition of each broker."""

    def seen(self) -> Sight:
        """What it has seen so far; EffectFailed when it tells nothing any more."""
        ...

    def finish(self) -> ProbeEnd:
        """It has ended; the sums of all that it wrote and read."""
        ...


class Probes(Protocol):
    """Probes of instances, each with the password that the secrets hold when it starts."""

    def start(self, instance: Instance) -> Probe:
        """One that is under way: every partition has acknowledged something."""
        ...


class Vantage(Protocol):
    """A host in the clients' network; what is asked there is asked as a client would."""

    @property
    def network(self) -> Network: ...
    @property
    def words(self) -> str:
        """The vantage for sentences."""
        ...

    def ask(self, instance: Instance, addresses: Sequence[Address]) -> tuple[Answer, ...]:
        """What answers at each address, in their order; EffectFailed when nobody can look.

        Name resolution, TCP, TLS, login and metadata are the host's own, and so is the question
        which broker is at the other end of that very connection.
        """
        ...


class Vantages(Protocol):
    """The vantages that belong to a provider of machines."""

    def of(self, network: Network) -> Vantage | None:
        """The one in that network; None where there is none."""
        ...


class Tls(Protocol):
    """Handshakes with listeners, from the control plane; nothing is verified in them."""

    def served(
        self,
        address: str,
        port: int,
        *,
        server_name: str | None = None,
        client: Leaf | None = None,
        tunnel: Tunnel | None = None,
    ) -> ServedChain:
        """The whole chain that is served there; EffectFailed when no handshake succeeds.

        A listener that demands a certificate is asked with one (`client`); where the control plane
        is not let in, a `tunnel` leads there.
        """
        ...

    def accepts(self, address: str, port: int, client: Leaf | None) -> bool:
        """Whether a listener that asks no password answers a request of this client."""
        ...


class Gateways(Protocol):
    """Linux gateways that belong to a provider of machines; each translates for many instances."""

    def names(self) -> tuple[str, ...]:
        """All of them, reachable or not."""
        ...

    def look(self, gateway: str, wished: Translation) -> GatewayState:
        """What the gateway is and translates for the instance; EffectFailed without an answer.

        `wished` says which EIPs and brokers are asked for.
        """
        ...

    def translate(self, gateway: str, wished: Translation, epoch: int) -> int:
        """The gateway has exactly these rules of the instance, again after a boot.

        Without rules nothing of the instance is left there. EIPs are led to it separately.
        """
        ...


class Secrets(Protocol):
    """The encrypted store of one control plane; values never leave it in clear but to their use."""

    def keep(self, instance_id: str, name: str, make: Callable[[], str]) -> str:
        """The secret of that name; made and stored first when there is none."""
        ...

    def get(self, instance_id: str, name: str) -> str | None: ...
    def put(self, instance_id: str, name: str, value: str) -> None: ...
    def drop(self, instance_id: str, name: str) -> None:
        """There is no secret of that name; none before is as well."""
        ...

    def forget(self, instance_id: str) -> None:
        """No secret of the instance is left."""
        ...

    def resolve(self, reference: str) -> str:
        """The value of a Secret block, by name or id; Refused when there is none."""
        ...

    def discard(self, reference: str) -> None:
        """A block that `fleet run` made for this request is gone; others are left alone."""
        ...


class Uploads(Protocol):
    """Files that people laid down for the product to take."""

    def read(self, field: str, name: str) -> bytes:
        """The content of the file of that name; Refused when it is no small plain file there."""
        ...


class Records(Protocol):
    """What is remembered: instances, revisions, machines, operations, traces."""

    def find(self, name_or_id: str) -> InstanceRow | None:
        """A living instance by name or id."""
        ...

    def find_deleted(self, name_or_id: str) -> InstanceRow | None: ...
    def living(self) -> tuple[InstanceRow, ...]: ...
    def add(self, row: InstanceRow) -> None: ...
    def allowance(self, instance_id: str) -> Allowance:
        """The quotas, what of them is used, and how much of that is this instance.

        `add` and `revise` refuse what goes beyond, with nothing in between.
        """
        ...

    def set_status(
        self, instance_id: str, status: Status, reason: str = "", epoch: int | None = None
    ) -> None:
        """The instance has this status; Superseded when the operation `epoch` does not hold it."""
        ...

    def set_status_at_rest(
        self, instance_id: str, seen: Status, status: Status, reason: str
    ) -> bool:
        """The instance has this status, unless it left `seen` or a living operation holds it.

        Answers whether it was set; nothing can happen between the look and the change.
        """
        ...

    def revise(self, instance_id: str, wish: Wish, epoch: int) -> int:
        """The wish is the newest revision, made by that operation; the present one makes none.

        Refused when a living instance has the name.
        """
        ...

    def wishes(self, instance_id: str) -> tuple[Revision, ...]:
        """Every revision of an instance, oldest first."""
        ...

    def set_observed(self, instance_id: str, observed: Mapping[str, Any]) -> None: ...
    def machines(self, instance_id: str) -> tuple[Machine, ...]: ...
    def keep_machine(self, instance_id: str, machine: Machine) -> None: ...
    def forget_machine(self, instance_id: str, name: str) -> None:
        """One machine of the instance is not in use any more; its name stays known."""
        ...

    def forget_machines(self, instance_id: str) -> None: ...

    def open(self, row: OperationRow) -> OperationRow:
        """The operation holds its instance; Refused, naming the living one, when another does.

        The row that comes back carries its epoch. An operation whose process is gone loses the
        instance to the new one and becomes `interrupted`.
        """
        ...

    def note(self, row: OperationRow) -> OperationRow:
        """A row that holds nothing: refused requests and plans."""
        ...

    def holds(self, epoch: int) -> bool: ...
    def holder(self, instance_id: str) -> OperationRow | None:
        """The living operation of an instance."""
        ...

    def note_progress(self, epoch: int, progress: Progress) -> None:
        """The history says how far a running operation is; one that ended says nothing."""
        ...

    def close(self, epoch: int, status: OperationStatus, reason: str, result: Mapping[str, Any]
              ) -> None: ...  # fmt: skip
    def history(self, instance: str | None) -> tuple[OperationRow, ...]:
        """Newest first; of one instance (name or id) or of all, refused creations too."""
        ...

    def forget_operations(self, numbers: Collection[int]) -> int:
        """These lines of the history are gone, but those of living operations; answers how many.

        Whether an instance still needs one is for the caller to know. No number is given again.
        """
        ...

    def trace(self, trace: Trace) -> None: ...
    def traces(self, resource: str | None = None) -> tuple[Trace, ...]:
        """The audit, oldest first; of one resource or of all."""
        ...

    def forget_traces(self, before: datetime) -> int:
        """Lines of the audit from before that moment are gone; answers how many they were.

        A line of the last day is never deleted: EffectFailed.
        """
        ...


@dataclass(frozen=True)
class InstanceRow:
    """An instance as it is remembered; `observed` is what the last sweep saw."""

    id: str
    organization: str
    status: Status
    reason: str
    revision: int
    wish: Wish
    created: datetime
    observed: Mapping[str, Any]


@dataclass(frozen=True)
class Revision:
    """What an instance was meant to be, since when, and which operation (epoch) wished it."""

    number: int
    wish: Wish
    operation: int | None
    made: datetime


class Processes(Protocol):
    """Tells which processes live; this machine only."""

    def here(self, run_id: str, link: str) -> Run: ...
    def alive(self, run: Run) -> bool: ...


@dataclass(frozen=True)
class Doors:
    """All adapters of a control plane; what an operation opens its site from."""

    clock: Clock
    providers: tuple[str, ...]
    """Names of the providers that this control plane has; the first one is its default."""
    provider: Callable[[str], Provider]
    """The provider of that name, the default one without a name; Refused when it has none."""
    records: Records
    secrets: Secrets
    uploads: Uploads
    processes: Processes
    distributions: Distributions
    ansible: Callable[[str, Callable[[str], None]], Ansible]
    """Ansible with the SSH key of an instance (its id), telling each task's outcome in a line."""
    hosts: Callable[[str], Hosts]
    """SSH with the key of an instance (its id)."""
    boots: Callable[[str], Boots]
    """The same, to ask what machines would do at their next boot."""
    zookeeper: ZooKeeper
    kafka: Kafka
    probes: Probes
    tls: Tls
    vantages: Callable[[str], Vantages]
    """The vantages that belong to the provider of that name."""
    gateways: Callable[[str], Gateways]
    """The gateways that belong to the provider of that name."""


@dataclass(frozen=True)
class Service:
    """The service as a whole, in the hands of one operation, which keeps nobody away.

    `secrets` are those of the request, in clear.
    """

    doors: Doors
    epoch: int
    caller: Caller
    stage: Stage
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True)
class Site:
    """The doors to one instance, held by one operation."""

    instance_id: str
    epoch: int
    caller: Caller
    stage: Stage
    clock: Clock
    provider: Provider
    records: Records
    secrets: Secrets
    distributions: Distributions
    ansible: Ansible
    hosts: Hosts
    boots: Boots
    zookeeper: ZooKeeper
    kafka: Kafka
    probes: Probes
    tls: Tls
    vantages: Vantages
    gateways: Gateways
    findings: Findings = field(default_factory=Findings)
