"""`fleet demo`: from a fresh machine to a proved instance, and how to go on."""

from __future__ import annotations

from flows.domain.errors import EffectFailed
from flows.domain.instance import Status
from flows.doors.catalogue import operation_named
from flows.doors.cli.display import display
from flows.doors.cli.instance import quietly, write_bundle
from flows.doors.cli.running import start
from flows.doors.controlplane.progress import StepLines
from flows.doors.controlplane.up import up
from flows.doors.follow import follow
from flows.doors.prefect_api import open_api, ui_address
from flows.doors.wiring import open_doors, open_records
from flows.queries.proof import prove
from flows.queries.show import InstanceView, show
from flows.settings import Settings, load_settings

NAME = "demo"
WISH = {"name": NAME, "sasl_ssl": "true", "first_user": "demo_user"}


def demo() -> None:
    """The instance `demo` runs and a message went through it; what to do next is printed."""
    settings, lines = load_settings(), StepLines()
    print("control plane")
    up(settings, lines)
    row = open_records(settings).find(NAME)
    if row is not None and row.status in (Status.RUNNING, Status.FAULTY):
        print(f"instance {NAME} is there already")
    else:
        print(f"create instance {NAME}")
        _create(settings)
    print("proof")
    with lines.step("messages by acks=all through every broker, and back") as note:
        trip = prove(open_doors(settings, quietly), NAME)
        note(f"{trip.received} messages by acks=all through every broker, and back")
    _print_next(settings)


def _create(settings: Settings) -> None:
    """Also finishes a creation that was interrupted."""
    with open_api(settings) as api, display(quiet=False) as see:
        run_id = start(api, operation_named("create-instance"), WISH)
        (seen,) = follow(api, [run_id], see)
    if seen.exit_code:
        raise EffectFailed(f"{seen.name}: {seen.message}")


def _print_next(settings: Settings) -> None:
    view = show(open_records(settings), NAME)
    bundle = settings.home / "bundles" / NAME
    write_bundle(NAME, bundle)
    print()
    for what, told in _facts(settings, view).items():
        print(f"{what:12}{told}")
    print(f"{'bundle':12}{bundle}")
    print("\ntry next")
    print(f"  ./fleet show {NAME}")
    print(f"  ./fleet logs {NAME} 1 --follow")
    print(f"  ./fleet run delete-instance instance={NAME} confirm={NAME}")


def _facts(settings: Settings, view: InstanceView) -> dict[str, str]:
    port = settings.prefect_port
    return {
        "instance": f"{NAME} ({view['id']}), Kafka {view['release']}, {view['status']}",
        "addresses": view["bootstrap"]["private"] or "none",
        "security": "SASL_SSL" if view["sasl_mechanisms"] else "none (PLAINTEXT)",
        "password": f"./fleet credentials {NAME}",
        "UI": f"{ui_address(settings)} (from elsewhere: ssh -L {port}:127.0.0.1:{port} HOST)",
        "UI login": f"cat {settings.secrets / 'prefect-login'}",
    }
