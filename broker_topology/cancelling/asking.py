"""Telling every sender that deliveries shall end; pika."""

from collections.abc import Sequence

from broker_topology.apply import exists
from broker_topology.connect import TopologyError, connected
from broker_topology.dead_letters.telling import Teller
from broker_topology.topology import CANCELS, EVENTS, Queue
from common.envelope import Event


def ask_to_end(url: str, facts: Sequence[Event]) -> int:
    """Publish each `cancelling`, and return how many when the broker has confirmed all.

    Raises TopologyError; some may have been told then, and telling them again is harmless.
    """
    with connected(url) as connection:
        # The journal takes a copy of every event: no publish tells that the stream is gone.
        if not exists(connection, Queue(CANCELS, {})):
            raise TopologyError(
                f"Nothing was cancelled: the broker has no stream {CANCELS}, so no sender would "
                "hear of it. Run `gateway topology apply`."
            )
        teller = Teller(connection)
        for fact in facts:
            teller.tell(fact)
        if teller.untold:
            raise TopologyError(
                f"{teller.untold} of {len(facts)} deliveries were not cancelled: the broker takes "
                f"nothing on the exchange {EVENTS}. Run `gateway topology check`."
            )
    return len(facts)
