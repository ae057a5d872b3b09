"""What needs a person, and the sentence about the whole."""

import pytest
from typer.testing import CliRunner

from admin.cli import app
from broker_topology.health.queues import BrokerNumbers, QueueNumbers
from broker_topology.topology import JOURNAL_DEAD, JOURNAL_QUEUE
from common.watching.finding import wrong
from console.frame.sentence import sentence_of
from console.services.concerns import _ORDER, Concern, Level, concerns_of, dead
from console.services.facts import Process, StoreFacts
from console.services.reading import Silent
from console.services.services import Overview
from console.texts.catalogue import Language, Texts

QUIET = {name: QueueNumbers(0, 0, 1) for name in ("email.normal", JOURNAL_QUEUE, JOURNAL_DEAD)}
REFUSED = "refused by the provider (401): correct the credentials in the settings, then restart"


def queues(**changes: QueueNumbers) -> BrokerNumbers:
    return BrokerNumbers(QUIET | {name.replace("_", "."): one for name, one in changes.items()})


def store(*processes: Process, stalled: int = 0, failed: int = 0, before: int = 0) -> StoreFacts:
    return StoreFacts(processes, stalled, 1204, failed, before, 0)


def process(kind: str, account: str = "ok", *, is_alive: bool = True) -> Process:
    return Process(kind, "host", 1, "1", 4, 1, account, (), 0, 0, is_alive)


@pytest.mark.parametrize(
    ("broker", "known", "kinds"),
    [
        (queues(), store(), []),
        (BrokerNumbers(fault="gone"), store(), ["broker"]),
        (BrokerNumbers(QUIET, (wrong("nodes", "node a is down"),)), store(), ["nodes"]),
        (queues(journal=QueueNumbers(7, 0, 0)), store(), ["journal"]),
        (queues(journal_dead=QueueNumbers(1, 0, 0)), store(), ["aside"]),
        (queues(), Silent("locked"), ["store"]),
        (queues(), store(stalled=3), ["stalled"]),
        (queues(), store(failed=12, before=6), []),
        (queues(), store(failed=13, before=6), ["rising"]),
        (queues(), store(failed=9), []),
        (queues(email_normal=QueueNumbers(5, 0, 0)), store(), ["unmanned"]),
        (queues(email_normal=QueueNumbers(5, 0, 4)), store(), []),
        (queues(), store(process("sender-email", REFUSED)), ["account"]),
        (queues(), store(process("sender-email", REFUSED, is_alive=False)), []),
        (queues(), store(process("sender-email", "paused, as asked (421)")), ["pause"]),
    ],
)
def test_what_is_wrong_is_named(
    broker: BrokerNumbers, known: StoreFacts | Silent, kinds: list[str]
) -> None:
    assert [one.kind for one in concerns_of(broker, known, ())] == kinds


def test_what_needs_a_person_comes_before_what_mends_itself() -> None:
    known = store(process("sender-email", "paused, as asked (421)"), stalled=1)
    found = concerns_of(queues(), known, (wrong("topology", "queue x is missing"),))
    assert [one.kind for one in found] == ["topology", "stalled", "pause"]
    assert [one.level for one in found][-2:] == [Level.NEEDS_PERSON, Level.PASSES]


def test_sentence_says_the_gravest_or_that_all_is_well() -> None:
    text = Texts(Language.ENGLISH)
    well = sentence_of(text, Overview(queues(), store(), (), 0))
    assert (well.text, well.level) == ("All is well: 1,204 sent in the last hour", "well")
    broker = queues(email_normal=QueueNumbers(318, 0, 4))
    known = store(process("sender-email", REFUSED), stalled=1)
    concerns = tuple(concerns_of(broker, known, ()))
    said = sentence_of(text, Overview(broker, known, concerns, 0))
    assert (said.text, said.level) == ("Email does not send. 318 wait", "needs")
    assert (said.href, said.more) == ("/#processes", "and 1 more")


def test_dead_letters_are_counted_over_all_channels() -> None:
    both = queues(email_dead=QueueNumbers(3, 0, 0), vk_dead=QueueNumbers(4, 1, 0))
    assert dead(both) == 8
    assert dead(BrokerNumbers(fault="gone")) is None


@pytest.mark.parametrize("kind", _ORDER)
def test_each_names_a_command_that_there_is(kind: str) -> None:
    program, *words = Concern(kind, Level.PASSES, "/").command.split()
    assert program == "gateway"
    assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0
