"""create-instance: from a name to a running, secured, proved Kafka instance."""

from __future__ import annotations

from flows.domain.creation import CreateInstance, CreationPlan, plan_creation
from flows.domain.errors import ServiceError, Superseded
from flows.domain.instance import Status
from flows.instances.admission import new_or_same
from flows.instances.removal import remove_instance
from flows.procedures.operation import Life, Statuses, operation
from flows.procedures.remembering import TraceNames
from flows.steps.access import lead_eips, prove_ways
from flows.steps.brokers import brokers_registered, metadata_complete, start_brokers
from flows.steps.certificates import issue_certificates
from flows.steps.connections import limit_connections
from flows.steps.delivery import deliver
from flows.steps.distribution import unpack_distributions
from flows.steps.ensemble import ensemble_serves, write_permissions_and_users
from flows.steps.groups import follow_group
from flows.steps.machines import machines_reachable, make_machines
from flows.steps.preflight import check_hosts
from flows.steps.proof import make_kafka_topics, prove
from flows.steps.site import Site
from flows.steps.sweeping import look_at_new
from flows.steps.waiting import wait_for


def take_back(site: Site) -> Status:
    """What a failed creation made is removed; a name whose removal failed too stays taken."""
    try:
        remove_instance(site)
    except Superseded:
        raise
    except ServiceError as failure:
        site.stage.say(f"the removal failed too: {failure}; delete-instance finishes it")
        return Status.DELETING
    return Status.DELETED


LIFE = Life(
    subject=new_or_same,
    statuses=Statuses(during=Status.CREATING, after=Status.RUNNING),
    traces=TraceNames(
        accepted="createDMSInstanceOrderSuccess",
        refused="createDMSInstanceOrderFailure",
        done="createDMSInstanceTaskSuccess",
        failed="createDMSInstanceTaskFailure",
    ),
    give_up=take_back,
)


@operation(CreateInstance, plan=plan_creation, run_name="create instance {name}", life=LIFE)
def create_instance(site: Site, plan: CreationPlan) -> None:
    """Create a Kafka instance: machines, firewall, certificates, ZooKeeper, users, brokers, proof.

    Safe to run again: a creation that was interrupted goes on where it stands. One that fails
    removes what it made, frees the name and is kept in the list of failed creations.
    """
    instance = make_machines(site, plan.instance)
    follow_group(site, instance)
    lead_eips(site, instance)
    wait_for(site, machines_reachable(instance))
    check_hosts(site, instance)
    issue_certificates(site, instance)
    unpack_distributions(site, instance)
    deliver(site, instance)
    wait_for(site, ensemble_serves(instance))
    write_permissions_and_users(site, instance)
    start_brokers(site, instance)
    wait_for(site, brokers_registered(instance))
    wait_for(site, metadata_complete(instance))
    limit_connections(site, instance, instance.brokers)
    make_kafka_topics(site, instance)
    prove(site, instance)
    prove_ways(site, instance, plan.proofs)
    look_at_new(site, instance)
