"""What can be asked for: every operation, under the name that all doors use."""

from __future__ import annotations

from typing import Any

from flows.access.converge_access import converge_access
from flows.access.drop_old_addresses import drop_old_addresses
from flows.access.remove_dnat import remove_dnat
from flows.access.set_connection_limits import set_connection_limits
from flows.access.set_dnat import set_dnat
from flows.access.set_endpoints import set_endpoints
from flows.access.set_public_access import set_public_access
from flows.access.set_security_group import set_security_group
from flows.certificates.finish_certificate_overlap import finish_certificate_overlap
from flows.certificates.finish_due_overlaps import finish_due_overlaps
from flows.certificates.issue_client_certificate import issue_client_certificate
from flows.certificates.renew_certificates import renew_certificates
from flows.certificates.replace_certificates import replace_certificates
from flows.certificates.revoke_client_certificate import revoke_client_certificate
from flows.certificates.rotate_internal_authority import rotate_internal_authority
from flows.certificates.set_mutual_tls import set_mutual_tls
from flows.domain.errors import Refused
from flows.instances.add_brokers import add_brokers
from flows.instances.change_flavor import change_flavor
from flows.instances.clear_failed_creations import clear_failed_creations
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from flows.instances.delete_operation_records import delete_operation_records
from flows.instances.grow_storage import grow_storage
from flows.instances.modify_instance import modify_instance
from flows.instances.replace_broker import replace_broker
from flows.instances.restart_instance import restart_instance
from flows.instances.roll_back import roll_back
from flows.procedures.operation import Operation
from flows.procedures.service import ServiceOperation
from flows.users.create_user import create_user
from flows.users.delete_user import delete_user
from flows.users.reset_password import reset_password

AnyOperation = Operation[Any, Any] | ServiceOperation[Any, Any]

OPERATIONS: tuple[AnyOperation, ...] = (
    create_instance,
    modify_instance,
    change_flavor,
    add_brokers,
    grow_storage,
    replace_broker,
    restart_instance,
    roll_back,
    delete_instance,
    clear_failed_creations,
    delete_operation_records,
    set_public_access,
    set_dnat,
    remove_dnat,
    set_endpoints,
    drop_old_addresses,
    set_security_group,
    set_connection_limits,
    converge_access,
    create_user,
    reset_password,
    delete_user,
    replace_certificates,
    renew_certificates,
    finish_certificate_overlap,
    finish_due_overlaps,
    rotate_internal_authority,
    issue_client_certificate,
    revoke_client_certificate,
    set_mutual_tls,
)


def operation_named(name: str) -> AnyOperation:
    """The operation of that name; Refused, naming all, when there is none."""
    for operation in OPERATIONS:
        if operation.name == name:
            return operation
    known = ", ".join(operation.name for operation in OPERATIONS)
    raise Refused(f'operation "{name}": there is none of this name; accepted are {known}')
