# ruff: noqa: PLC0415, PLR0913, PLR0917
"""The table of contents of the `fleet` command.

Every command imports what it needs when it is called: `fleet ls` must not pay for `fleet run`. Its
options are its parameters, however many there are.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from flows.domain.errors import Refused, ServiceError
from flows.settings import load_settings

app = typer.Typer(
    name="fleet",
    help="Your own managed Kafka service on your own machines.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for scripts.")]
Name = Annotated[str, typer.Argument(help="Name or id of the instance.", show_default=False)]
PASS_ON = {"ignore_unknown_options": True, "allow_extra_args": True}


def main() -> None:
    """Runs the command; refusals exit 2 and failures 1, with one sentence on standard error."""
    try:
        load_settings()
    except ValueError as error:
        _leave(str(error), 2)
    try:
        app(prog_name="fleet")
    except Refused as refused:
        _leave(str(refused), 2)
    except (ServiceError, PermissionError) as error:
        _leave(str(error), 1)
    except KeyboardInterrupt:
        _leave("interrupted", 130)


def _leave(sentence: str, code: int) -> NoReturn:
    print(sentence, file=sys.stderr)
    sys.exit(code)


# The control plane


@app.command()
def up(
    lab: Annotated[bool, typer.Option(help="Bring the lab up as well.")] = True,
) -> None:
    """Start the control plane and the lab.

    What runs already is left alone.
    """
    from flows.doors.cli import processes

    processes.start(with_lab=lab)


@app.command()
def down(
    now: Annotated[bool, typer.Option("--now", help="Do not wait for runs: kill them.")] = False,
) -> None:
    """Stop the control plane; instances go on.

    No new run is taken, and those that run are waited for.
    """
    from flows.doors.cli import processes

    processes.stop(now=now)


@app.command()
def status(json: AsJson = False) -> None:
    """Show the processes; exits 1 if one is down."""
    from flows.doors.cli import processes

    processes.show(as_json=json)


@app.command()
def clean(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove all that was made on this machine.

    Only installed packages and this checkout stay. What will go is listed before.
    """
    from flows.doors.cli import processes

    processes.remove_all(ask=not yes)


@app.command()
def backup(
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="New file; none: one of the directory of backups."),
    ] = None,
    new_key: Annotated[
        bool, typer.Option("--new-key", help="Make and show a new recovery key before.")
    ] = False,
) -> None:
    """Write the control plane into one encrypted file.

    Records, keys and settings, but no data of instances. The first one makes the recovery key
    and shows it, once.
    """
    from flows.doors.cli import safekeeping

    safekeeping.save(output, new_key=new_key)


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(help="What `fleet backup` wrote.", show_default=False)],
    key: Annotated[
        str, typer.Option(help="Recovery key: @FILE, - (standard input) or ? (a prompt).")
    ] = "?",
) -> None:
    """Bring a control plane back from a backup.

    Into a FLEET_HOME where nothing is yet, on this or another machine; then `fleet up`.
    """
    from flows.doors.cli import safekeeping

    safekeeping.bring_back(file, key)


# Operations


@app.command()
def run(
    operation: Annotated[str, typer.Argument(help="Its name; see `fleet operations`.")],
    parameters: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE...", help="Its parameters.")
    ] = None,
    json: AsJson = False,
) -> None:
    """Run an operation and follow its steps.

    Exits 0 on success, 2 when it is refused (nothing was changed), 1 when it failed.

    Passwords: password=@FILE, =- (standard input), =? (a prompt) or =block:NAME.
    instance=a,b starts one run for each.
    """
    from flows.doors.cli import running

    raise typer.Exit(running.run(operation, parameters or [], as_json=json))


@app.command()
def operations(
    operation: Annotated[str, typer.Argument(help="Show the parameters of this one.")] = "",
    json: AsJson = False,
) -> None:
    """List what can be run, or its parameters."""
    from flows.doors.cli import offering

    offering.offer(operation, as_json=json)


# Answers from the records


@app.command("ls")
def list_instances(
    name: Annotated[str, typer.Option(help="A part of the name.")] = "",
    id: Annotated[str, typer.Option(help="The id or its beginning.")] = "",
    status: Annotated[str, typer.Option(help="running, faulty, 'change failed', ...")] = "",
    tag: Annotated[
        list[str] | None, typer.Option(metavar="KEY[=VALUE]", help="Several must all be there.")
    ] = None,
    address: Annotated[str, typer.Option(help="One of a broker; also with :PORT.")] = "",
    json: AsJson = False,
) -> None:
    """List the instances, or those of a name, id, status, tag or address."""
    from flows.doors.cli import answers
    from flows.queries.filters import Filters

    filters = Filters(name, id, status, tuple(tag or ()), address)
    answers.list_instances(filters, as_json=json)


@app.command()
def show(name: Name, json: AsJson = False) -> None:
    """Show everything that is known of an instance."""
    from flows.doors.cli import answers

    answers.show_instance(name, as_json=json)


@app.command()
def history(
    name: Annotated[str, typer.Argument(help="Name or id; none means all.")] = "",
    since: Annotated[str, typer.Option(help="Started at or after: 2h, 7d, 2026-01-31 12:00.")] = "",
    until: Annotated[str, typer.Option(help="Started before: 2h, 7d, 2026-01-31 12:00.")] = "",
    status: Annotated[str, typer.Option(help="successful, failed, refused, running, ...")] = "",
    json: AsJson = False,
) -> None:
    """List what was asked for, the newest first."""
    from flows.doors.cli import answers

    answers.show_history(name or None, (since, until), status, as_json=json)


@app.command("failed-creations")
def failed_creations(json: AsJson = False) -> None:
    """List creations that gave up, and why."""
    from flows.doors.cli import limits

    limits.show_failed_creations(as_json=json)


@app.command()
def quotas(json: AsJson = False) -> None:
    """Show what of the service's limits is used."""
    from flows.doors.cli import limits

    limits.show_quotas(as_json=json)


@app.command()
def size(
    mbps: Annotated[float, typer.Option(help="MB/s that clients produce at the peak.")],
    retention_hours: Annotated[int, typer.Option(help="How long messages are kept.")] = 72,
    replicas: Annotated[int, typer.Option(help="Of every topic: 1 to 3.")] = 3,
    partitions: Annotated[int, typer.Option(help="Of all topics, replicas not counted.")] = 100,
    connections: Annotated[int, typer.Option(help="Of all clients at once.")] = 1000,
    json: AsJson = False,
) -> None:
    """Say which flavor, brokers and storage a load needs.

    The cheapest size whose every limit holds: the fewest vCPUs in all, then the fewest brokers.
    """
    from flows.doors.cli import limits

    load = {
        "mbps": mbps,
        "retention_hours": retention_hours,
        "replicas": replicas,
        "partitions": partitions,
        "connections": connections,
    }
    limits.show_size(load, as_json=json)


@app.command()
def hosts(
    check: Annotated[bool, typer.Option("--check", help="Look at free ones over SSH.")] = False,
    json: AsJson = False,
) -> None:
    """List your own hosts and who has them.

    With --check each free host is looked at as before a creation; exits 1 if one is not fit.
    """
    from flows.doors.cli import own_hosts

    raise typer.Exit(own_hosts.show(check=check, as_json=json))


# One instance


@app.command()
def logs(
    name: Name,
    broker: Annotated[int, typer.Argument(help="Number of one broker; none means all.")] = 0,
    unit: Annotated[str, typer.Option(help="kafka or zookeeper.")] = "kafka",
    since: Annotated[str, typer.Option(help="10m, 2h, or a time: 2026-01-31 12:00.")] = "1h",
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new lines.")] = False,
) -> None:
    """Print the logs of an instance's brokers."""
    from flows.doors.cli import instance

    instance.print_logs(name, broker or None, (unit, since, follow))


@app.command()
def certificates(name: Name, json: AsJson = False) -> None:
    """Show what an instance serves and when it ends.

    Every listener is asked now; exits 1 if something ends within 7 days or does not answer.
    """
    from flows.doors.cli import certificates as shown

    raise typer.Exit(shown.show(name, as_json=json))


@app.command()
def users(name: Name, json: AsJson = False) -> None:
    """List who can log in to an instance."""
    from flows.doors.cli import answers

    answers.list_users(name, as_json=json)


@app.command()
def access(name: Name, json: AsJson = False) -> None:
    """List by which addresses clients come in, to whom each is open, and who answers there now.

    Asked from where clients are; exits 1 unless the right broker answers at each.
    """
    from flows.doors.cli import instance

    raise typer.Exit(instance.print_access(name, as_json=json))


@app.command()
def check_access(name: Name, json: AsJson = False) -> None:
    """List where clients' ways are not as wished: firewalls, gateways, brokers, connections.

    Looked at now; exits 1 when there is a difference. converge-access puts it right.
    """
    from flows.doors.cli import instance

    raise typer.Exit(instance.print_drift(name, as_json=json))


@app.command()
def dnat(name: Name, json: AsJson = False) -> None:
    """List the rules of DNAT that lead to an instance, as its gateways have them now.

    With the connections that came through each since it was loaded; exits 1 unless all are in
    force and will be after a boot.
    """
    from flows.doors.cli import instance

    raise typer.Exit(instance.print_dnat(name, as_json=json))


@app.command()
def credentials(
    name: Name,
    user: Annotated[str, typer.Option(help="Its name; none means the first user.")] = "",
    json: AsJson = False,
) -> None:
    """Print a user's password (audited)."""
    from flows.doors.cli import instance

    instance.print_credentials(name, user, as_json=json)


@app.command("client-certificates")
def list_client_certificates(name: Name, json: AsJson = False) -> None:
    """List the certificates issued to clients."""
    from flows.doors.cli import instance

    instance.print_client_certificates(name, as_json=json)


@app.command("client-certificate")
def client_certificate(
    name: Name,
    user: Annotated[str, typer.Argument(help="Whose certificate.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="New directory.", show_default=False)
    ],
    number: Annotated[int, typer.Option(help="Which one, where several wait.")] = 0,
) -> None:
    """Hand out a certificate, once (audited).

    With its key, as PEM and PKCS#12, and with ready settings of all clients. The key is nowhere
    else afterwards.
    """
    from flows.doors.cli import instance
    from flows.queries.client_certificates import Asked

    instance.write_client_certificate(name, Asked(user, number), output)


@app.command()
def disk(
    name: Name,
    top: Annotated[int, typer.Option(help="How many topics, the largest first.")] = 10,
    above: Annotated[str, typer.Option(help="Topics from this size on: 500MB, 10GB.")] = "",
    above_percent: Annotated[
        float | None, typer.Option(help="Topics from this share on, in % of all data disks.")
    ] = None,
    internal: Annotated[bool, typer.Option("--internal", help="Internal topics too.")] = False,
    json: AsJson = False,
) -> None:
    """Show how full the disks are, and which topics fill them.

    A topic's size is that of all its replicas.
    """
    from flows.domain.disk_usage import read_selection
    from flows.doors.cli import instance

    selection = read_selection(top, above, above_percent, internal=internal)
    instance.print_disk(name, selection, as_json=json)


@app.command()
def bundle(
    name: Name,
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory.", show_default=False)],
) -> None:
    """Write all that clients need to connect.

    Truststore, CA and ready configuration for Java, Python, Go and the console tools; the
    password is not among them (see `fleet credentials`).
    """
    from flows.doors.cli import instance

    instance.write_bundle(name, output)
    print(f"the bundle of {name} lies in {output}; its README.txt says how to use it")


# The product as a whole


@app.command()
def demo() -> None:
    """Create the instance demo and prove it."""
    from flows.doors.cli import demonstration

    demonstration.demo()


@app.command("test")
def prove_project(
    everything: Annotated[bool, typer.Option("--all", help="Slow tests too.")] = False,
    without_lab: Annotated[
        bool, typer.Option("--without-lab", help="Succeed without the tests in the lab.")
    ] = False,
) -> None:
    """Prove the project, stage by stage.

    ruff, mypy, import-linter, ansible-lint, pytest, pytest in the lab.
    """
    from flows.doors.cli import checks

    raise typer.Exit(checks.check_all(everything=everything, without_lab=without_lab))


@app.command(context_settings=PASS_ON)
def bench(
    context: typer.Context,
    name: Annotated[str, typer.Argument(help="A script of benchmarks/.")],
) -> None:
    """Run a benchmark and print its table."""
    from flows.doors.cli import checks

    raise typer.Exit(checks.benchmark(name, context.args))


@app.command(context_settings=PASS_ON, add_help_option=False)
def lab(context: typer.Context) -> None:
    """Work with the lab's machines by hand."""
    from flows.doors.cli import laboratory

    laboratory.pass_on(context.args)
