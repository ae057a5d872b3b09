"""Every queue in numbers: how much it holds, how fast it moves, and who consumes it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote

from pydantic import BaseModel

from broker_topology.connect import cluster_name, connected, vhost_of
from broker_topology.health.checks import check_broker_disk, check_nodes, check_quorum
from broker_topology.management import ManagementUnavailableError, get, management
from broker_topology.state import Depth, depth, read_managed
from broker_topology.topology import build
from common.errors import GatewayError
from common.watching.finding import Finding


@dataclass(frozen=True, slots=True)
class QueueNumbers:
    """One queue now. Rates are messages per second, None where only AMQP answered.

    ready: wait for somebody; in_hand: a consumer has them; rate_in, rate_out: published to it, and
    taken out for good.
    """

    ready: int
    in_hand: int
    consumers: int
    rate_in: float | None = None
    rate_out: float | None = None

    @property
    def all(self) -> int:
        """Everything that the queue holds."""
        return self.ready + self.in_hand


@dataclass(frozen=True, slots=True)
class BrokerNumbers:
    """The broker now. fault: why it tells nothing, or tells less, in one sentence."""

    queues: Mapping[str, QueueNumbers] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    fault: str | None = None

    @property
    def is_reached(self) -> bool:
        """Whether the broker told of any queue."""
        return bool(self.queues)


def read_numbers(url: str, management_url: str | None) -> BrokerNumbers:
    """By the management API; without it by AMQP, which knows no rates. Blocking, never raises."""
    try:
        with connected(url) as connection:
            cluster = cluster_name(connection)
            try:
                return _managed(url, management_url, cluster)
            except ManagementUnavailableError as error:
                fault = str(error)
            names = [queue.name for queue in build().queues]
            found = {name: depth(connection, name) for name in names}
    except GatewayError as error:
        return BrokerNumbers(fault=str(error))
    queues = {name: _by_amqp(one) for name, one in found.items() if one is not None}
    return BrokerNumbers(queues, fault=fault)


class _Rate(BaseModel):
    rate: float = 0.0


class _Rates(BaseModel):
    publish_details: _Rate = _Rate()
    ack_details: _Rate = _Rate()
    deliver_no_ack_details: _Rate = _Rate()
    get_no_ack_details: _Rate = _Rate()


class _Queue(BaseModel):
    """A queue as the management API tells it; it counts a new one only after some seconds."""

    name: str
    messages_ready: int = 0
    messages_unacknowledged: int = 0
    consumers: int = 0
    message_stats: _Rates = _Rates()


def _managed(url: str, management_url: str | None, cluster: str) -> BrokerNumbers:
    vhost = vhost_of(url)
    with management(url, management_url, cluster) as client:
        state = read_managed(client, vhost)
        queues = get(client, f"queues/{quote(vhost, safe='')}", list[_Queue])
    findings = check_nodes(state), check_quorum(state), check_broker_disk(state)
    return BrokerNumbers({one.name: _numbers(one) for one in queues}, findings)


def _numbers(one: _Queue) -> QueueNumbers:
    stats = one.message_stats
    out = stats.ack_details.rate + stats.deliver_no_ack_details.rate + stats.get_no_ack_details.rate
    return QueueNumbers(
        ready=one.messages_ready,
        in_hand=one.messages_unacknowledged,
        consumers=one.consumers,
        rate_in=stats.publish_details.rate,
        rate_out=out,
    )


def _by_amqp(one: Depth) -> QueueNumbers:
    return QueueNumbers(ready=one.messages, in_hand=0, consumers=one.consumers)
