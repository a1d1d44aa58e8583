"""Moving partitions between brokers: what to move, in which portions, how fast, how long."""

from flows.domain.reassignment.assignment import (
    Assignment,
    Goal,
    Move,
    PartitionName,
    Proposal,
    assignment_of,
)
from flows.domain.reassignment.bounds import lower_bound
from flows.domain.reassignment.proposing import propose

__all__ = [
    "Assignment",
    "Goal",
    "Move",
    "PartitionName",
    "Proposal",
    "assignment_of",
    "lower_bound",
    "propose",
]
