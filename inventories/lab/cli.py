"""The lab by hand: every verb as a command, mounted as `fleet lab ...`.

`python -m inventories.lab ...` is the same without the rest of the product.
"""

from __future__ import annotations

import os
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Annotated, Any

import typer
from pydantic import ValidationError
from typer.core import TyperGroup

from inventories.lab import doctor as doctors
from inventories.lab.errors import LabError, LabRefused
from inventories.lab.lab import CACHE, ROOT, Lab
from inventories.lab.model import Machine, MachineSpec, Place, Rule


class _Sentences(TyperGroup):
    """Ends a refused or failed command with its one sentence on standard error."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except LabError as error:
            typer.echo(str(error), err=True)
            ctx.exit(2 if isinstance(error, LabRefused) else 1)
        except ValidationError as error:
            for problem in error.errors():
                typer.echo(f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}", err=True)
            ctx.exit(2)


app = typer.Typer(cls=_Sentences, no_args_is_help=True, add_completion=False)
eip = typer.Typer(help="Public addresses of the lab's cloud.", no_args_is_help=True)
endpoint = typer.Typer(help="Endpoint addresses for clients of another VPC.", no_args_is_help=True)
group = typer.Typer(help="Security groups of the lab's cloud.", no_args_is_help=True)
app.add_typer(eip, name="eip")
app.add_typer(endpoint, name="endpoint")
app.add_typer(group, name="group")

Name = Annotated[str, typer.Argument(help="The machine's name.")]
Address = Annotated[
    IPv4Address, typer.Argument(help="An IPv4 address of the lab's plan.", parser=IPv4Address)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]


@app.callback()
def choose(
    context: typer.Context,
    lab: Annotated[str, typer.Option(envvar="KAFKA_FLEET_LAB", help="Which lab.")] = "demo",
    root: Annotated[Path, typer.Option(help="Where the labs' machines lie.")] = ROOT,
    cache: Annotated[Path, typer.Option(help="Where the machines' image lies.")] = CACHE,
) -> None:
    """Machines of the embedded lab on this host."""
    context.obj = Lab(lab, root=root, cache=cache, say=_tell)


# The lab as a whole


@app.command()
def up(context: typer.Context) -> None:
    """Bring the lab up: image, router, clients, and the machines that ran before."""
    _lab(context).up()


@app.command()
def down(context: typer.Context) -> None:
    """Stop everything at once, as by a power switch; files and addresses stay."""
    _lab(context).down()


@app.command()
def destroy(
    context: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove the lab with its machines and their disks."""
    lab = _lab(context)
    if not yes:
        typer.confirm(f"Remove lab {lab.name} with all its machines and disks?", abort=True)
    lab.destroy()


@app.command()
def status(context: typer.Context, json: AsJson = False) -> None:
    """Show the lab's addresses and machines."""
    seen = _lab(context).status()
    if json:
        typer.echo(seen.model_dump_json(indent=2))
        return
    typer.echo(
        f"lab {seen.name}: {'up' if seen.up else 'down'}, LAN {seen.lan}, EIPs {seen.eips}, "
        f"outside {seen.outside}, VPC {seen.vpc}, endpoints {seen.endpoints}"
    )
    typer.echo(
        f"lab factor: memory x {seen.factor.memory:g}, disk set aside x {seen.factor.disk:g}"
    )
    for machine in seen.machines:
        typer.echo(_line(machine))


@app.command()
def room(context: typer.Context, json: AsJson = False) -> None:
    """Show how much is still free for machines."""
    free = _lab(context).room()
    if json:
        typer.echo(free.model_dump_json(indent=2))
        return
    typer.echo(
        f"free for machines: {free.memory_mb} MB of memory ({free.effective_memory_mb} MB of the "
        f"host), {free.disk_gb} GB of disk ({free.effective_disk_gb} GB of the host)"
    )


@app.command()
def doctor(context: typer.Context) -> None:
    """Say what this host lacks to carry a lab; ends with 1 when something essential does."""
    findings = doctors.check(_lab(context).root)
    for finding in findings:
        weight = "missing" if finding.fatal else "limited"
        typer.echo(f"{weight}: {finding.name}: {finding.sentence}; {finding.remedy}")
    if any(finding.fatal for finding in findings):
        raise typer.Exit(1)
    typer.echo("this host can carry a lab")


# Machines


@app.command()
def create(  # noqa: PLR0913, PLR0917 (an option per property)
    context: typer.Context,
    name: Name,
    key: Annotated[Path, typer.Option(help="File with the SSH public key that may log in.")],
    vcpus: Annotated[int, typer.Option(help="Nominal vCPUs.")] = 2,
    memory_mb: Annotated[int, typer.Option(help="Nominal memory in MB.")] = 4096,
    disk_gb: Annotated[int, typer.Option(help="Size of the data disk in GB.")] = 10,
    zone: Annotated[str, typer.Option(help="Availability zone.")] = "lab-1",
    place: Annotated[Place, typer.Option(help="Where it stands.")] = "lan",
) -> None:
    """Create a machine, or start it when it is there."""
    spec = MachineSpec(
        name=name,
        authorized_key=key.read_text(),
        vcpus=vcpus,
        memory_mb=memory_mb,
        disk_gb=disk_gb,
        zone=zone,
        place=place,
    )
    typer.echo(_line(_lab(context).create_machine(spec)))


@app.command()
def start(context: typer.Context, name: Name) -> None:
    """Boot a machine and wait for its SSH server."""
    typer.echo(_line(_lab(context).start(name)))


@app.command()
def stop(context: typer.Context, name: Name) -> None:
    """Shut a machine down in order."""
    _lab(context).stop(name)


@app.command()
def reboot(context: typer.Context, name: Name) -> None:
    """Shut a machine down in order and boot it again."""
    typer.echo(_line(_lab(context).reboot(name)))


@app.command()
def resize(
    context: typer.Context,
    name: Name,
    vcpus: Annotated[int, typer.Option(help="Nominal vCPUs.")],
    memory_mb: Annotated[int, typer.Option(help="Nominal memory in MB.")],
) -> None:
    """Give a machine another size, at once."""
    typer.echo(_line(_lab(context).resize(name, vcpus, memory_mb)))


@app.command()
def grow(
    context: typer.Context,
    name: Name,
    gb: Annotated[int, typer.Argument(help="The new size of the data disk in GB.")],
) -> None:
    """Grow a machine's data disk, at once; its file system is grown within the machine."""
    typer.echo(_line(_lab(context).grow_disk(name, gb)))


@app.command()
def remove(context: typer.Context, name: Name) -> None:
    """Remove a machine with its disk."""
    _lab(context).remove(name)


# Faults


@app.command()
def crash(context: typer.Context, name: Name) -> None:
    """Kill a machine at once, as a power loss does; `start` brings it back."""
    _lab(context).crash(name)


@app.command()
def lose_power(context: typer.Context) -> None:
    """Kill all machines at once and the lab's network, as a power loss of this host; see `up`."""
    _lab(context).lose_power()


@app.command()
def freeze(context: typer.Context, name: Name) -> None:
    """Hang a machine: its processes stop, its kernel still answers."""
    _lab(context).freeze(name)


@app.command()
def thaw(context: typer.Context, name: Name) -> None:
    """End `freeze`."""
    _lab(context).thaw(name)


@app.command()
def cut(context: typer.Context, name: Name) -> None:
    """Cut a machine off from everything."""
    _lab(context).cut(name)


@app.command()
def partition(
    context: typer.Context,
    name: Name,
    other: Annotated[str, typer.Argument(help="The other machine's name.")],
) -> None:
    """Cut two machines off from each other."""
    _lab(context).partition(name, other)


@app.command()
def heal(
    context: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(help="Machines; none means all.")] = None,
) -> None:
    """End `cut` and `partition`."""
    _lab(context).heal(*(names or []))


@app.command()
def fill(
    context: typer.Context,
    name: Name,
    percent: Annotated[int, typer.Argument(help="How full, in percent.")] = 95,
) -> None:
    """Fill a machine's mounted data disk."""
    _lab(context).fill(name, percent)


@app.command()
def unfill(context: typer.Context, name: Name) -> None:
    """End `fill`."""
    _lab(context).unfill(name)


@app.command()
def slow(
    context: typer.Context,
    name: Name,
    mbit: Annotated[int, typer.Argument(help="Rate of the link in Mbit/s.")],
) -> None:
    """Slow a machine's link down in both directions."""
    _lab(context).slow(name, mbit)


@app.command()
def unslow(context: typer.Context, name: Name) -> None:
    """End `slow`."""
    _lab(context).unslow(name)


# Cloud


@eip.command("assign")
def eip_assign(context: typer.Context, address: Address, name: Name) -> None:
    """Let an EIP lead to a machine."""
    _lab(context).assign_eip(address, name)


@eip.command("release")
def eip_release(context: typer.Context, address: Address) -> None:
    """Let an EIP lead nowhere."""
    _lab(context).release_eip(address)


@eip.command("list")
def eip_list(context: typer.Context) -> None:
    """Show the assigned EIPs."""
    for address, name in _lab(context).eips().items():
        typer.echo(f"{address}  {name}")


@endpoint.command("assign")
def endpoint_assign(context: typer.Context, address: Address, name: Name) -> None:
    """Let an endpoint address lead to a machine."""
    _lab(context).assign_endpoint(address, name)


@endpoint.command("release")
def endpoint_release(context: typer.Context, address: Address) -> None:
    """Let an endpoint address lead nowhere."""
    _lab(context).release_endpoint(address)


@endpoint.command("list")
def endpoint_list(context: typer.Context) -> None:
    """Show the assigned endpoint addresses."""
    for address, name in _lab(context).endpoints().items():
        typer.echo(f"{address}  {name}")


@group.command("set")
def group_set(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="The security group.")],
    rules: Annotated[
        list[str] | None, typer.Argument(help="Rules as SOURCE=PORT,FIRST-LAST; none closes all.")
    ] = None,
) -> None:
    """Let a security group allow exactly these connections."""
    _lab(context).set_security_group(name, [_rule(text) for text in rules or []])


@group.command("put")
def group_put(
    context: typer.Context,
    machine: Name,
    name: Annotated[str, typer.Argument(help="The security group.")],
) -> None:
    """Put a machine into a security group."""
    _lab(context).put_in_group(machine, name)


@group.command("remove")
def group_remove(
    context: typer.Context, name: Annotated[str, typer.Argument(help="The security group.")]
) -> None:
    """Remove a security group that no machine is in."""
    _lab(context).remove_security_group(name)


@group.command("list")
def group_list(context: typer.Context) -> None:
    """Show the security groups and their rules."""
    for name, rules in _lab(context).security_groups().items():
        for rule in rules:
            ports = ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in rule.ports)
            typer.echo(f"{name}  from {rule.source}  ports {ports}")


def _lab(context: typer.Context) -> Lab:
    lab: Lab = context.obj
    if os.geteuid():
        raise LabRefused("the lab needs root, for namespaces, mounts and devices: run it as root")
    return lab


def _tell(sentence: str) -> None:
    typer.echo(sentence, err=True)


def _line(machine: Machine) -> str:
    state = "frozen" if machine.frozen else "running" if machine.running else "stopped"
    return (
        f"{machine.name}  {machine.address}  {machine.zone}  {state}  "
        f"{machine.vcpus} vCPU ({machine.effective_vcpus} here)  "
        f"{machine.memory_mb} MB ({machine.effective_memory_mb} here)  {machine.disk_gb} GB"
    )


def _rule(text: str) -> Rule:
    source, _, ports = text.partition("=")
    try:
        ranges = [part.partition("-") for part in ports.split(",")]
        pairs = tuple((int(first), int(last or first)) for first, _, last in ranges)
        return Rule(source=IPv4Network(source), ports=pairs)
    except ValueError as error:
        raise LabRefused(f"rule {text!r} must be SOURCE=PORT,FIRST-LAST: {error}") from error
