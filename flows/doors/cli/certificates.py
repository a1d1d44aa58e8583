"""`fleet certificates`: what an instance serves, and when it ends."""

from __future__ import annotations

from flows.doors.cli.instance import quietly
from flows.doors.cli.output import print_json, print_table
from flows.doors.wiring import open_doors
from flows.queries.certificates import certificates
from flows.settings import load_settings


def show(name: str, *, as_json: bool) -> int:
    """Every certificate is printed; answers 1 if one is critical or a listener is silent."""
    found = certificates(open_doors(load_settings(), quietly), name)
    if as_json:
        print_json(found)
    else:
        from flows.queries.render_certificates import certificates_page  # noqa: PLC0415

        print_table(certificates_page(found))
    return int(any(line["urgency"] in ("critical", "silent") for line in found["certificates"]))
