"""What cannot be stored, kept in the queue `journal.dead` with the reason."""

from uuid import uuid4

from broker_topology.topology import ASIDE
from common.broker.consumer import foreign_headers
from common.broker.publisher import Publisher
from common.facts import ASIDE_EXCHANGE, ASIDE_KEY, ASIDE_REASON
from common.logs import get_logger
from common.watching import metrics
from journal.reading import Refused, origin_of

log = get_logger(__name__)

REASON_CHARS = 500
_TIMEOUT_S = 5.0  # who publishes hears of an alarm only then
_OURS = "gw-aside-"


async def set_aside(publisher: Publisher, refused: Refused) -> None:
    """Return when the broker has it, as it came. Raises PublishError."""
    received = refused.received
    exchange, key = origin_of(received)
    await publisher.publish(
        ASIDE,
        key,
        received.body,
        message_id=received.message_id or uuid4().hex,
        headers=foreign_headers(received.headers, _OURS)
        | {
            ASIDE_EXCHANGE: exchange,
            ASIDE_KEY: key,
            ASIDE_REASON: refused.reason[:REASON_CHARS],
        },
        timeout_s=_TIMEOUT_S,
    )
    metrics.JOURNAL_ASIDE.inc()
    log.error("a message was put aside", exchange=exchange, key=key, reason=refused.reason)
