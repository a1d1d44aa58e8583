"""What can be asked for: every operation, under the name that all doors use."""

from __future__ import annotations

from typing import Any

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
    create_user,
    reset_password,
    delete_user,
)


def operation_named(name: str) -> AnyOperation:
    """The operation of that name; Refused, naming all, when there is none."""
    for operation in OPERATIONS:
        if operation.name == name:
            return operation
    known = ", ".join(operation.name for operation in OPERATIONS)
    raise Refused(f'operation "{name}": there is none of this name; accepted are {known}')
