"""A look at the broker, judged in sentences; it changes and consumes nothing."""

import re
from collections.abc import Callable, Iterable, Sequence

from broker_topology.check import check
from broker_topology.connect import connected, mask_url
from broker_topology.management import ManagementUnavailableError
from broker_topology.members import GROW, gaps
from broker_topology.rights import Rights
from broker_topology.state import (
    Depth,
    Greeting,
    ManagedState,
    depth,
    greet,
    may_read,
    may_write,
    read_state,
)
from broker_topology.topology import JOURNAL_DEAD, JOURNAL_QUEUE, build
from common.broker.urls import split_urls
from common.errors import GatewayError
from common.watching.finding import ClockReading, Examination, Finding, ok, skipped, wrong

OLDEST_VERSION = (3, 10)
FREE_DISK_BYTES = 1_000_000_000
_SHOWN = 4
_AFTER_GREETING = ("nodes", "quorum", "broker disk", "topology", "journal", "permissions")
BEHIND = 10_000


def check_broker(url: str, management_url: str | None, roles: Sequence[Rights]) -> Examination:
    """All about the broker of `url`; roles: what its user must be able to do. Blocking."""
    try:
        greeting = greet(url)
    except GatewayError as error:
        unseen = [skipped(name, "not looked at: there is no broker") for name in _AFTER_GREETING]
        return Examination((wrong("broker", str(error)), *unseen))
    state = _managed_state(url, management_url, greeting.cluster)
    findings = [
        check_greeting(greeting, mask_url(url)),
        *check_addresses(url),
        check_nodes(state),
        check_quorum(state),
        check_broker_disk(state),
        _guarded("topology", lambda: _check_topology(url, management_url)),
        _guarded("journal", lambda: _check_journal(url)),
        _guarded("permissions", lambda: _check_rights(url, roles)),
    ]
    clocks: tuple[ClockReading, ...] = ()
    if isinstance(state, ManagedState) and state.clock_ahead_s is not None:
        clocks = (ClockReading("the broker", state.clock_ahead_s),)
    return Examination(tuple(findings), clocks)


def check_greeting(greeting: Greeting, place: str) -> Finding:
    """Version, and whether publishers are let through."""
    oldest = ".".join(map(str, OLDEST_VERSION))
    version = tuple(int(part) for part in re.findall(r"\d+", greeting.version)[:2])
    if version < OLDEST_VERSION:
        return wrong(
            "broker", f"{place} is RabbitMQ {greeting.version}: upgrade it to {oldest} or later"
        )
    if greeting.is_blocked:
        return wrong(
            "broker",
            f"{place} has an alarm and takes no messages: free memory or disk there "
            "(`rabbitmq-diagnostics alarms` says which)",
        )
    return ok("broker", f"{place} is RabbitMQ {greeting.version} and takes messages")


def check_addresses(url: str) -> list[Finding]:
    """Of several nodes, whether each lets us in. Blocking."""
    urls = split_urls(url)
    if len(urls) == 1:
        return []
    faults: list[str] = []
    for one in urls:
        try:
            with connected(one):
                pass
        except GatewayError as error:
            faults.append(str(error).rstrip("."))
    if faults:
        return [wrong("addresses", "; ".join(faults))]
    return [ok("addresses", f"all {len(urls)} nodes answer")]


def check_nodes(state: ManagedState | str) -> Finding:
    """Nodes that are down, out of memory or disk, or do not see each other."""
    if isinstance(state, str):
        return skipped("nodes", f"not looked at: {state}")
    faults = []
    for node in state.nodes:
        if not node.running:
            faults.append(f"node {node.name} is down: start it, or take it out of the cluster")
        if node.mem_alarm:
            faults.append(f"node {node.name} is out of memory: give it more")
        if node.disk_free_alarm:
            faults.append(f"node {node.name} is out of disk: free some there")
        if node.partitions:
            others = _listed(node.partitions)
            faults.append(f"node {node.name} does not see {others}: mend the network, restart it")
    if faults:
        return wrong("nodes", "; ".join(faults))
    count = len(state.nodes)
    return ok("nodes", f"{count} {'node runs' if count == 1 else 'nodes run'} without an alarm")


def check_quorum(state: ManagedState | str) -> Finding:
    """Whether each queue has a majority of its members, and a member on every node."""
    if isinstance(state, str):
        return skipped("quorum", f"not looked at: {state}")
    counted = [queue for queue in state.quorum_queues if queue.members]
    stuck = [queue.name for queue in counted if not queue.has_quorum]
    if stuck:
        return wrong(
            "quorum",
            f"{_listed(stuck)} stand still without a majority of their members: start the nodes "
            "that are down",
        )
    thin = gaps(state, [queue.name for queue in counted])
    if thin:
        lacking = sorted({node for gap in thin for node in gap.lacking})
        return wrong(
            "quorum",
            f"{_listed([gap.queue for gap in thin])} have no member on {_listed(lacking)}: {GROW}",
        )
    if not counted:
        return skipped("quorum", "not looked at: RabbitMQ has not counted any queue's members yet")
    return ok("quorum", f"{len(counted)} queues have a majority of their members")


def check_broker_disk(state: ManagedState | str) -> Finding:
    """Room on the broker's disks, before its own alarm stops all publishers."""
    if isinstance(state, str):
        return skipped("broker disk", f"not looked at: {state}")
    rooms = {node.name: node.disk_free for node in state.nodes if isinstance(node.disk_free, int)}
    limits = {n.name: n.disk_free_limit for n in state.nodes if isinstance(n.disk_free_limit, int)}
    if not rooms:
        return skipped("broker disk", "not looked at: the broker has not measured it yet")
    low = [
        f"{name} has {free / 1e9:.1f} GB free"
        for name, free in rooms.items()
        if free < max(FREE_DISK_BYTES, 2 * limits.get(name, 0))
    ]
    if low:
        return wrong("broker disk", f"{'; '.join(low)}: free some before RabbitMQ takes no more")
    return ok("broker disk", f"at least {min(rooms.values()) / 1e9:.1f} GB free")


def judge_journal(waiting: Depth | None, aside: Depth | None) -> Finding:
    """Whether facts are stored soon after they were told. None: there is no such queue."""
    if waiting is None or aside is None:
        return skipped("journal", "not looked at: its queues are not there")
    faults = []
    if waiting.messages and not waiting.consumers:
        faults.append(f"{waiting.messages} facts wait and no journal runs: start `gateway journal`")
    elif waiting.messages > BEHIND:
        faults.append(f"{waiting.messages} facts wait: see the journal's log and its database")
    if aside.messages:
        faults.append(
            f"{aside.messages} messages in {JOURNAL_DEAD} could not be stored: `gateway aside "
            "list` says why, and after that repair or upgrade `gateway aside retry` has them stored"
        )
    if faults:
        return wrong("journal", "; ".join(faults))
    return ok("journal", f"{waiting.messages} facts wait, none was put aside")


def judge_rights(user: str, lacking: dict[str, list[str]]) -> Finding:
    """The sentence about rights; lacking: role → what the user may not do of it, none if all."""
    faults = [f"as {role}: {_listed(names)}" for role, names in lacking.items() if names]
    if faults:
        return wrong(
            "permissions",
            f"user {user!r} may not do all of its work ({'; '.join(faults)}): grant it, or use the "
            "users of `gateway topology users`; --role says what this one is for",
        )
    return ok("permissions", f"user {user!r} may do the work of {', '.join(lacking)}")


def _managed_state(url: str, management_url: str | None, cluster: str) -> ManagedState | str:
    """What the management API tells, or why it tells nothing."""
    try:
        return read_state(url, management_url, cluster)
    except ManagementUnavailableError as error:
        return str(error)


def _check_topology(url: str, management_url: str | None) -> Finding:
    diff = check(url, management_url)
    if diff.differences:
        remedies = " and ".join(dict.fromkeys(one.remedy for one in diff.differences))
        facts = _listed([str(one) for one in diff.differences])
        return wrong("topology", f"{facts}: {remedies}")
    notes = f"; {' '.join(diff.notes).rstrip('.')}" if diff.notes else ""
    return ok("topology", f"as it should be{notes}")


def _check_journal(url: str) -> Finding:
    with connected(url) as connection:
        return judge_journal(depth(connection, JOURNAL_QUEUE), depth(connection, JOURNAL_DEAD))


def _check_rights(url: str, roles: Sequence[Rights]) -> Finding:
    topology = build()
    exchanges = [exchange.name for exchange in topology.exchanges]
    queues = [queue.name for queue in topology.queues]
    lacking: dict[str, list[str]] = {}
    with connected(url) as connection:
        for role in roles:
            writes = [name for name in exchanges if re.search(role.write, name)]
            reads = [name for name in queues if re.search(role.read, name)]
            # None, nothing of this name, is the topology's matter.
            lacking[role.role] = [
                *(f"publish to {one}" for one in writes if may_write(connection, one) is False),
                *(f"consume {one}" for one in reads if may_read(connection, one) is False),
            ]
    return judge_rights(_user_of(url), lacking)


def _guarded(name: str, look: Callable[[], Finding]) -> Finding:
    """One failing look, such as a connection lost meanwhile, must not hide the others."""
    try:
        return look()
    except GatewayError as error:
        return wrong(name, str(error))


def _user_of(url: str) -> str:
    return mask_url(url).partition("://")[2].partition(":")[0].partition("@")[0]


def _listed(names: Iterable[str]) -> str:
    every = list(names)
    more = len(every) - _SHOWN
    return ", ".join(every[:_SHOWN]) + (f" and {more} more" if more > 0 else "")
