"""Compare a live broker with the topology that is wanted; changes nothing."""

from pika.adapters.blocking_connection import BlockingConnection

from broker_topology.apply import declare, exists, thing_of
from broker_topology.connect import TopologyError, cluster_name, connected
from broker_topology.difference import Diff, Difference, compare
from broker_topology.live import read_topology
from broker_topology.management import ManagementUnavailableError
from broker_topology.members import gaps
from broker_topology.state import read_state
from broker_topology.topology import Exchange, Queue, Topology, build


def check(url: str, management_url: str | None = None, topology: Topology | None = None) -> Diff:
    """Everything that differs in the vhost of `url`.

    The whole of it is seen by the management API (default: port 15672 of a node that answers, the
    AMQP URL's account), the members of quorum queues included. Without it AMQP tells what is
    missing or has another argument, and the notes say what was not looked at. Raises TopologyError
    when the broker cannot be reached.
    """
    wanted = topology or build()
    with connected(url) as connection:
        cluster = cluster_name(connection)
        try:
            found = read_topology(url, management_url, cluster)
        except ManagementUnavailableError as error:
            return _check_by_amqp(connection, wanted, str(error))
    differences = compare(wanted, found)
    try:
        state = read_state(url, management_url, cluster)
    except ManagementUnavailableError as error:  # nodes are shown to fewer users than queues
        notes = (f"Members of queues were not checked: {error}.",)
        return Diff(differences, bindings_checked=True, notes=notes)
    names = {queue.name for queue in wanted.queues}
    return Diff(differences, bindings_checked=True, gaps=gaps(state, names))


def _check_by_amqp(connection: BlockingConnection, wanted: Topology, reason: str) -> Diff:
    notes = [f"Bindings and extra objects were not checked: {reason}."]
    differences: list[Difference] = []
    things: tuple[Exchange | Queue, ...] = (*wanted.exchanges, *wanted.queues)
    may_declare = True
    for one in things:
        if not exists(connection, one):
            differences.append(Difference("missing", thing_of(one), one.name))
        elif may_declare:
            try:
                # Equal settings make this a no-op; other ones are refused with the argument's name.
                conflict = declare(connection, one)
            except TopologyError as error:
                may_declare = False
                notes.append(f"Arguments were not checked from here on: {error}")
                continue
            differences += [conflict] if conflict else []
    return Diff(tuple(differences), bindings_checked=False, notes=tuple(notes))
