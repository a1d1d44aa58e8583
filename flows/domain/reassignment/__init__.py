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
from flows.domain.reassignment.portions import Pace, PortionLimit, copied_bytes, portions
from flows.domain.reassignment.progress import (
    Progress,
    partition_sizes,
    progress,
    stuck,
    unfinished,
)
from flows.domain.reassignment.proposing import propose
from flows.domain.reassignment.throttle import (
    Bandwidth,
    Load,
    Throttle,
    bandwidths,
    copying,
    fast_enough,
    left_behind,
    left_over,
    refill_throttle,
    throttle_of,
)

__all__ = [
    "Assignment",
    "Bandwidth",
    "Goal",
    "Load",
    "Move",
    "Pace",
    "PartitionName",
    "PortionLimit",
    "Progress",
    "Proposal",
    "Throttle",
    "assignment_of",
    "bandwidths",
    "copied_bytes",
    "copying",
    "fast_enough",
    "left_behind",
    "left_over",
    "lower_bound",
    "partition_sizes",
    "portions",
    "progress",
    "propose",
    "refill_throttle",
    "stuck",
    "throttle_of",
    "unfinished",
]
