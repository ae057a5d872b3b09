"""What a sender's /readyz says of its account, its pauses and what it publishes."""

from typing import Any

import pytest

from common.broker.connection import Broker
from common.broker.publisher import Publisher
from common.watching.status_server import OK
from senders.cancelling.cancels import Cancels
from senders.dead_queue import DeadQueue
from senders.limits.limiter import Claim, Limiter
from senders.metrics import readiness
from senders.outcome import Misconfigured, Outcome, Scope, Throttled, Transient
from senders.provider import Limits
from senders.publications import Events
from tests.unit.senders.test_limits import HOUR_S, Clock


class Connected(Broker):
    """A connection that is there, without a broker."""

    is_connected = True
    is_blocked = False

    def __init__(self) -> None:
        super().__init__("amqp://nowhere", name="fake")


class Sender:
    """What readiness looks at."""

    def __init__(self) -> None:
        self.broker = Connected()
        self.publisher = Publisher(self.broker)
        self.events = Events(self.publisher)
        self.dead_queue = DeadQueue(self.broker, "email")
        self.cancels = Cancels(self.broker, self.publisher)
        self.limiter = Limiter(clock=Clock())

    def meets(self, outcome: Outcome, address: str = "ada@example.com") -> None:
        limits = Limits(domain=address.partition("@")[2])
        self.limiter.learn(Claim(0), outcome, limits, address, HOUR_S)

    def says(self) -> dict[str, Any]:
        return readiness(
            self.limiter,
            self.publisher,
            self.events,
            self.dead_queue,
            self.cancels,
            [self.broker],
        )


@pytest.fixture
def sender() -> Sender:
    return Sender()


def test_all_is_well(sender: Sender) -> None:
    words = sender.says()
    assert words.pop("pauses") == []
    assert words.pop("cancels") == []
    assert set(words.values()) == {OK}


@pytest.mark.parametrize(
    ("outcome", "words"),
    [
        (Misconfigured("535 5.7.8"), ["refused by the provider", "535 5.7.8", "credentials"]),
        (Throttled("550 5.4.5", guess_s=300), ["limit", "550 5.4.5", "by itself"]),
        (Throttled("429", after_s=3000), ["paused", "429", "by itself"]),
        (Misconfigured("554 5.7.1", is_certain=False), ["all that was lately sent was refused"]),
    ],
)
def test_account_that_cannot_send_is_not_called_well(
    sender: Sender, outcome: Outcome, words: list[str]
) -> None:
    sender.meets(outcome)
    said = sender.says()["account"]
    assert all(word in said for word in words), said


@pytest.mark.parametrize("outcome", [Throttled("429", after_s=5), Transient("451")])
def test_everyday_pacing_is_well(sender: Sender, outcome: Outcome) -> None:
    sender.meets(outcome)
    assert sender.says()["account"] == OK


def test_every_pause_has_scope_reason_and_end_and_no_recipient(sender: Sender) -> None:
    sender.meets(Throttled("450 4.2.1", after_s=60, scope=Scope.RECIPIENT))
    sender.meets(Throttled("421 4.7.0", after_s=120, scope=Scope.DOMAIN))
    assert sender.says()["pauses"] == [
        {
            "scope": "domain",
            "name": "example.com",
            "reason": "421 4.7.0",
            "until": "1970-01-01T00:18:40+00:00",
        },
        {
            "scope": "recipient",
            "name": "a…m",
            "reason": "450 4.2.1",
            "until": "1970-01-01T00:17:40+00:00",
        },
    ]


def test_what_refuses_to_be_published_to_is_named(sender: Sender) -> None:
    sender.publisher.faults["retry"] = "the broker has no exchange 'retry'"
    sender.events.fault = "no queue takes it"
    words = sender.says()
    assert "'retry'" in words["topology"]
    assert "gateway topology check" in words["topology"]
    assert words["events"] == "no queue takes it"


def test_alarm_is_named(sender: Sender) -> None:
    sender.broker.is_blocked = True
    assert "alarm" in sender.says()["broker"]
    sender.broker.is_connected = False
    assert sender.says()["broker"] == "unreachable"
