"""What a journal tells its operator: metrics, and whether it stores what is told."""

from collections.abc import Sequence
from typing import Any

from common.broker.connection import Broker
from common.broker.errors import PublishError
from common.broker.publisher import Publisher
from common.times import epoch_ms, utc_now
from common.watching import metrics
from common.watching.status_server import OK
from journal.intake import Intake


def observe_journal(intake: Intake, connections: Sequence[Broker]) -> None:
    """Show the state of this process from now on, and every counter at zero."""
    kinds = [metrics.kind_of(error) for error in PublishError.__subclasses__()]
    metrics.announce(metrics.PUBLISH_FAILURES, kinds)
    metrics.JOURNAL_LAG.set_function(lambda: intake.lag_ms(epoch_ms(utc_now())) / 1000)
    metrics.BROKER_CONNECTED.set_function(
        lambda: float(all(one.is_connected for one in connections))
    )


def readiness(
    intake: Intake, publisher: Publisher, connections: Sequence[Broker]
) -> dict[str, Any]:
    """Whether facts are stored now: each part `ok`, or what is wrong and what to do."""
    is_connected = all(one.is_connected for one in connections)
    faults = "; ".join(publisher.faults.values())
    return {
        "broker": OK if is_connected else "unreachable",
        "topology": f"{faults}; run gateway topology check" if faults else OK,
        "store": intake.fault or OK,
    }
