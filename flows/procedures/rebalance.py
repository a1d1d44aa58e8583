"""Spreading partitions evenly over all brokers of an instance."""

from __future__ import annotations

from flows.domain.cluster import PROBE_TOPIC, ClusterState
from flows.domain.instance import Instance
from flows.domain.reassignment import Goal, Pace, Proposal, assignment_of, propose
from flows.procedures.reassign import reassign
from flows.steps.site import Site


def rebalance(site: Site, instance: Instance, pace: Pace) -> None:
    """Brokers carry and lead as many partitions each as racks allow, users' and Kafka's own."""

    def wanted(state: ClusterState) -> Proposal:
        racks = {broker.id: broker.zone for broker in instance.brokers}
        goal = Goal(tuple(racks), racks)
        # Each kind by itself: Kafka's many small partitions shall not outweigh those of users. The
        # probe has one partition led by each broker already.
        topics = {part.topic for part in state.partitions} - {PROBE_TOPIC}
        internal = {topic for topic in topics if topic.startswith("__")}
        proposals = [
            propose(assignment_of(state.partitions, kind), goal)
            for kind in (topics - internal, internal)
        ]
        return Proposal(tuple(move for each in proposals for move in each.moves))

    reassign(site, instance, wanted, pace)
