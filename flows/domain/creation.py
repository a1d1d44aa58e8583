"""create-instance: the request with its rules, and the plan of what still has to be made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar

from pydantic import BeforeValidator, Field, field_validator, model_validator

from flows.domain.access import check_eips
from flows.domain.choices import choice
from flows.domain.connections import told_limits
from flows.domain.errors import Refused, refusal
from flows.domain.flavors import FLAVORS, Flavor, FlavorName
from flows.domain.instance import Broker, Instance, Status
from flows.domain.listeners import ListenerName
from flows.domain.names import check_instance_name, check_password, check_user_name
from flows.domain.plan import Plan, PlannedStep
from flows.domain.providers import ProviderName
from flows.domain.quotas import check_quotas
from flows.domain.request import Request, read_secret_reference, split_list
from flows.domain.room import check_room
from flows.domain.tags import parse_tags
from flows.domain.vantage import Network
from flows.domain.versions import ListenerLimit, VersionName
from flows.domain.wish import CHANGED_LATER, GENERATIONS, CapacityPolicy, DiskType, Wish

SecretReference = Annotated[str | None, BeforeValidator(read_secret_reference)]
Proofs = tuple[tuple[ListenerName, Network], ...]
AddressList = Annotated[tuple[str, ...], BeforeValidator(split_list)]


class CreateInstance(Request):
    """Everything that can be said of a new instance (SPEC 1.1)."""

    secret_fields: ClassVar[tuple[str, ...]] = ("first_user_password", "manager_password")

    name: str = Field(
        title="Name",
        description="4 to 64 letters, digits, - and _, the first one a letter; "
        "unique among living instances.",
    )
    version: Annotated[VersionName, choice(VersionName, "version")] = Field(
        default=VersionName.V2_7,
        title="Kafka version",
        description="2.7 is the newest 2.7 patch; 1.1.0 cannot limit connections to a flavor's "
        "number. Fixed for the life of the instance.",
    )
    flavor: Annotated[FlavorName, choice(FlavorName, "flavor")] = Field(
        default=FlavorName.SMALL,
        title="Flavor",
        description="Size of each broker's machine: vCPUs (u) and memory in GB (g).",
    )
    brokers: int = Field(
        default=3,
        title="Brokers",
        description="Number of brokers: 3 to 30, and up to 50 from kafka.8u16g.cluster on.",
    )
    storage_per_broker: int = Field(
        default=100,
        title="Storage per broker (GB)",
        description="At least 100 GB, in steps of 100 GB; it can grow later, not shrink.",
    )
    disk_type: Annotated[DiskType, choice(DiskType, "disk_type")] = Field(
        default=DiskType.ULTRA, title="Disk type", description="high or ultra-high I/O. Fixed."
    )
    disk_encryption: bool = Field(
        default=False, title="Disk encryption", description="Encrypt the data disks. Fixed."
    )
    capacity_policy: Annotated[CapacityPolicy, choice(CapacityPolicy, "capacity_policy")] = Field(
        default=CapacityPolicy.DELETE_OLDEST,
        title="Capacity policy",
        description="What happens at 95 % disk use. Recorded, not yet enforced.",
    )
    availability_zones: int = Field(
        default=1,
        title="Availability zones",
        description="1, or 3 and more (never 2), at most one per broker. Fixed.",
    )
    provider: Annotated[ProviderName | None, choice(ProviderName, "provider", optional=True)] = (
        Field(
            default=None,
            title="Provider",
            description="Where its machines come from: the embedded lab, or hosts of your own. "
            "Empty: the lab if there is one. Fixed.",
        )
    )
    network: str = Field(
        default="", title="Network", description="Empty: the provider's default. Fixed."
    )
    subnet: str = Field(
        default="", title="Subnet", description="Empty: the provider's default. Fixed."
    )
    security_group: str = Field(
        default="", title="Security group", description="Empty: the provider's default."
    )
    public_access: AddressList = Field(
        default=(),
        title="Public access",
        description="One IPv4 EIP per broker, separated by commas; empty: off.",
    )
    unproved: bool = Field(
        default=False,
        title="Unproved",
        description="Let clients in by EIPs although nobody can look from outside.",
    )
    sasl_ssl: bool = Field(
        default=False,
        title="SASL_SSL",
        description="Encrypted connections and users with passwords. Fixed.",
    )
    sasl_plain: bool = Field(
        default=False,
        title="SASL/PLAIN",
        description="Accept PLAIN beside SCRAM-SHA-512; only with SASL_SSL. Fixed.",
    )
    first_user: str | None = Field(
        default=None,
        title="First user",
        description="Needed with SASL_SSL: 4 to 64 letters, digits, - and _, "
        "the first one a letter.",
    )
    first_user_password: SecretReference = Field(
        default=None,
        title="First user's password",
        description="A Secret block: 8 to 32 characters, three kinds of them. "
        "Empty: a password is generated.",
    )
    manager_user: str | None = Field(
        default=None,
        title="Manager user",
        description="Login of the web console; fixed. Recorded, not yet enforced.",
    )
    manager_password: SecretReference = Field(
        default=None,
        title="Manager password",
        description="A Secret block. Recorded, not yet enforced.",
    )
    auto_create_topics: bool = Field(
        default=False,
        title="Automatic topic creation",
        description="Topics appear when first used: 3 partitions, 3 replicas, 72 hours.",
    )
    tags: str = Field(
        default="", title="Tags", description="key=value,key=value; at most 20 of them."
    )
    description: str = Field(default="", title="Description", description="Free text.")
    enterprise_project: str = Field(
        default="", title="Enterprise project", description="Name of a project, free text."
    )
    delete_protection: bool = Field(
        default=False,
        title="Delete protection",
        description="delete-instance is refused until modify-instance switches this off.",
    )

    @field_validator("name")
    @classmethod
    def _name(cls, name: str) -> str:
        check_instance_name(name)
        return name

    @field_validator("first_user", "manager_user", mode="before")
    @classmethod
    def _empty_is_none(cls, name: object) -> object:
        return name or None

    @field_validator("tags")
    @classmethod
    def _tags(cls, tags: str) -> str:
        parse_tags(tags)
        return tags

    @model_validator(mode="after")
    def _rules(self) -> CreateInstance:
        flavor = FLAVORS[self.flavor]
        check_brokers(self.brokers, flavor)
        check_storage(self.storage_per_broker, self.brokers, flavor)
        _check_zones(self.availability_zones, self.brokers)
        if self.public_access:
            check_eips("public_access", self.public_access, self.brokers)
        _check_users(self)
        return self

    def check_secrets(self, secrets: Mapping[str, str]) -> None:
        """Refuses passwords that break SPEC 1.1."""
        users = {"first_user_password": self.first_user, "manager_password": self.manager_user}
        for parameter, password in secrets.items():
            check_password(parameter, password, users[parameter])


def check_brokers(brokers: int, flavor: Flavor) -> None:
    """Refuses a number of brokers outside the flavor's range."""
    if not flavor.min_brokers <= brokers <= flavor.max_brokers:
        accepted = f"{flavor.name} has {flavor.min_brokers} to {flavor.max_brokers} brokers"
        raise refusal("brokers", brokers, accepted)


def check_storage(storage: int, brokers: int, flavor: Flavor) -> None:
    """Refuses storage that is not a step of 100 GB, or whose total the flavor does not have."""
    if storage < 100 or storage % 100:
        raise refusal("storage_per_broker", storage, "at least 100 GB in steps of 100 are accepted")
    total = storage * brokers
    if not flavor.min_storage_gb <= total <= flavor.max_storage_gb:
        raise refusal(
            "storage_per_broker",
            storage,
            f"with {brokers} brokers the total is {total} GB; {flavor.name} has "
            f"{flavor.min_storage_gb} to {flavor.max_storage_gb} GB in total",
        )


def _check_zones(zones: int, brokers: int) -> None:
    if zones == 2:
        raise refusal(
            "availability_zones",
            zones,
            "1, or 3 and more are accepted: with 2 the ensemble of three ZooKeepers would not "
            "survive the loss of the zone that has two of them",
        )
    if not 1 <= zones <= brokers:
        raise refusal("availability_zones", zones, f"1, or 3 to {brokers} (the brokers) accepted")


def _check_users(request: CreateInstance) -> None:
    if request.sasl_plain and not request.sasl_ssl:
        raise refusal("sasl_plain", "on", "it needs sasl_ssl on as well")
    if request.sasl_ssl and request.first_user is None:
        raise Refused("first_user: with sasl_ssl on the name of the first user is required")
    if not request.sasl_ssl and request.first_user:
        raise refusal("first_user", request.first_user, "users exist only with sasl_ssl on")
    if not request.sasl_ssl and request.first_user_password:
        raise Refused("first_user_password: users exist only with sasl_ssl on")
    if request.manager_password and not request.manager_user:
        raise Refused("manager_password: it needs manager_user as well")
    for parameter in ("first_user", "manager_user"):
        name = getattr(request, parameter)
        if name is not None:
            check_user_name(parameter, name)


def wish_of(request: CreateInstance, defaults: Mapping[str, str]) -> Wish:
    """The wish that a request means; `defaults` are the provider's: provider, network, ..."""
    how = {"plan_only", "approved_plan", "unproved", *CreateInstance.secret_fields}
    chosen = request.model_dump(exclude={*how, "provider", "tags"})
    for parameter in ("network", "subnet", "security_group"):
        chosen[parameter] = chosen[parameter] or defaults[parameter]
    return Wish(**chosen, provider=defaults["provider"], tags=parse_tags(request.tags))


def differing_fields(asked: Wish, present: Wish) -> tuple[str, ...]:
    """The fields in which two wishes differ, in the order of the request.

    A restart raises generations, users and certificates come and go; nobody asks for that by
    creating.
    """
    return tuple(
        field
        for field in Wish.model_fields
        if field not in (*GENERATIONS, *CHANGED_LATER)
        and getattr(asked, field) != getattr(present, field)
    )


@dataclass(frozen=True)
class CreationPlan(Plan):
    """What still has to be made of an instance; `instance` is it as it was seen.

    `proofs` are the ways of clients that are asked in the end, each from a network.
    """

    instance: Instance = field(kw_only=True)
    proofs: Proofs = field(kw_only=True, default=())


def plan_creation(instance: Instance, request: CreateInstance) -> CreationPlan:
    """The steps that are left, broker by broker; Refused when the provider cannot carry them."""
    title = f"Create instance {instance.name}"
    if instance.status in (Status.RUNNING, Status.FAULTY):
        return CreationPlan(title, instance=instance)
    _check_unfinished(instance)
    check_quotas(instance.allowance, instance.wish)
    check_provider(instance)
    steps = tuple(step for broker in instance.brokers for step in broker_steps(instance, broker))
    warnings = _warnings(request, instance.wish)
    return CreationPlan(
        title,
        (*steps, _proof(instance)),
        warnings,
        instance=instance,
        proofs=public_proof(instance.wish, unproved=request.unproved),
    )


def public_proof(wish: Wish, *, unproved: bool) -> Proofs:
    """Clients outside are to reach every broker by its EIP, if it has one."""
    if unproved or not wish.public_access:
        return ()
    return ((ListenerName.PUBLIC, Network.OUTSIDE),)


def _check_unfinished(instance: Instance) -> None:
    if instance.status is not Status.CREATING:
        rule = (
            f"the instance of that name is {instance.status}; what was begun must be finished "
            "first, or choose another name"
        )
        raise refusal("name", instance.name, rule)


def check_provider(instance: Instance) -> None:
    """Refuses what the provider of the machines cannot do, and machines that do not fit."""
    around = instance.surroundings
    if around is None:
        return
    if around.objections:
        raise Refused("; ".join(around.objections))
    if instance.wish.availability_zones > len(around.zones):
        names = ", ".join(around.zones)
        accepted = f"{around.provider} has {len(around.zones)} zones: {names}"
        raise refusal("availability_zones", instance.wish.availability_zones, accepted)
    missing = [broker for broker in instance.brokers if broker.machine is None]
    check_room([around.need_per_machine] * len(missing), around.free, around.provider)


def broker_steps(instance: Instance, broker: Broker) -> Iterator[PlannedStep]:
    """What is still to be done until a broker of the wish serves."""
    subject, wish = f"broker {broker.id}", instance.wish
    if broker.machine is None:
        size = f"{wish.flavor_row.vcpus} vCPUs, {wish.flavor_row.memory_gb} GB, "
        around = instance.surroundings
        verb = "take a host of" if around and around.keeps_machines else "make a machine in"
        words = f"{verb} {broker.zone}: {size}{wish.storage_per_broker} GB of disk"
        yield PlannedStep(subject, words, f"machine {wish.flavor} {wish.storage_per_broker}")
        if eip := wish.eip_of(broker.id):
            yield PlannedStep(subject, f"clients outside come by EIP {eip}", f"eip {eip}")
    if not broker.registered:
        role = " and ZooKeeper" if broker.has_zookeeper else ""
        words = f"deliver and start Kafka {wish.release.release}{role}"
        yield PlannedStep(subject, words, f"start {wish.release.distribution}")


def _proof(instance: Instance) -> PlannedStep:
    # The whole wish is part of the hash: who approved a secured instance approved no open one.
    words = "prove it with produced and consumed messages"
    return PlannedStep("instance", words, instance.wish.model_dump_json())


def _warnings(request: CreateInstance, wish: Wish) -> tuple[str, ...]:
    found = [f"capacity_policy {request.capacity_policy}: recorded, not yet enforced"]
    if wish.release.listener_limit is not ListenerLimit.KEPT:
        found.append(f"connections: {told_limits(wish)}")
    if request.public_access and request.unproved:
        found.append("unproved: nobody looks from outside")
    if request.manager_user:
        found.append("manager_user, manager_password: recorded, not yet enforced")
    return tuple(found)
