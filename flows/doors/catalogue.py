"""What can be asked for: every operation, under the name that all doors use."""

from __future__ import annotations

from typing import Any

from flows.domain.errors import Refused
from flows.instances.create_instance import create_instance
from flows.instances.delete_instance import delete_instance
from flows.instances.grow_storage import grow_storage
from flows.instances.modify_instance import modify_instance
from flows.instances.restart_instance import restart_instance
from flows.procedures.operation import Operation
from flows.procedures.service import ServiceOperation

AnyOperation = Operation[Any, Any] | ServiceOperation[Any, Any]

OPERATIONS: tuple[AnyOperation, ...] = (
    create_instance,
    modify_instance,
    grow_storage,
    restart_instance,
    delete_instance,
)


def operation_named(name: str) -> AnyOperation:
    """The operation of that name; Refused, naming all, when there is none."""
    for operation in OPERATIONS:
        if operation.name == name:
            return operation
    known = ", ".join(operation.name for operation in OPERATIONS)
    raise Refused(f'operation "{name}": there is none of this name; accepted are {known}')
