"""Spreading all partitions of an instance evenly over its brokers."""

from __future__ import annotations

from collections.abc import Mapping

from flows.domain.cluster import PROBE_TOPIC, ClusterState
from flows.domain.reassignment import Goal, Proposal, assignment_of, propose


def evened(state: ClusterState, zones: Mapping[int, str]) -> Proposal:
    """The moves after which these brokers (id -> zone) carry and lead as many as zones allow.

    Users' partitions and Kafka's own each by themselves: many small ones of Kafka shall not
    outweigh those of users. The probe has one partition led by each broker already.
    """
    goal = Goal(tuple(zones), zones)
    topics = {part.topic for part in state.partitions} - {PROBE_TOPIC}
    internal = {topic for topic in topics if topic.startswith("__")}
    proposals = [
        propose(assignment_of(state.partitions, kind), goal)
        for kind in (topics - internal, internal)
    ]
    return Proposal(tuple(move for each in proposals for move in each.moves))
