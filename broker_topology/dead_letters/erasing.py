"""Taking one person's dead letters out of their queues, kept nowhere; pika."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing

from broker_topology.connect import connected
from broker_topology.dead_letters.archive import discarded_fact
from broker_topology.dead_letters.letter import DeadLetter
from broker_topology.dead_letters.queue import PATIENT, Patience
from broker_topology.dead_letters.selection import Selection
from broker_topology.dead_letters.telling import Teller
from broker_topology.dead_letters.walk import specimens
from broker_topology.dead_letters.work import Worklist
from common.envelope import Delivery
from common.recipients import Recipient


def count_letters(url: str, recipient: Recipient) -> Counter[str]:
    """How many letters of each queue are to this recipient, or were; changes nothing.

    Raises DeadLetterError, and TopologyError when the broker cannot be reached or is lost.
    """
    counts: Counter[str] = Counter()
    with closing(specimens(url, Selection(channel=recipient.channel))) as found:
        for one in found:
            if _is_about(recipient, one.letter, one.body):
                counts[one.letter.queue] += 1
    return counts


def erase_letters(
    url: str,
    recipient: Recipient,
    *,
    patience: Patience = PATIENT,
    on_progress: Callable[[int], object] = lambda _: None,
) -> int:
    """Take out every letter that is to this recipient, or was; each is told as discarded.

    What cannot be decoded stays, because nobody knows whose it is. Raises as `count_letters`; what
    was taken out until then is gone.
    """
    work = Worklist(
        url,
        Selection(channel=recipient.channel),
        patience=patience,
        means=lambda letter, taken: _is_about(recipient, letter, taken.body),
    )
    with connected(url, patience.broker_s) as connection:
        teller = Teller(connection)
        work.on_window = teller.breathe
        with closing(work.batches()) as batches:
            for batch in batches:
                for letter, taken in batch:
                    teller.tell(discarded_fact(taken))
                    work.done(letter, taken)
                    on_progress(work.handled)
    return work.handled


def _is_about(recipient: Recipient, letter: DeadLetter, body: bytes) -> bool:
    """Whether it goes there; or went there until an operator redirected it, as its body says."""
    if letter.fault is not None:
        return False
    addresses = {letter.address, Delivery.decode(body).address}
    return recipient.identity in {f"{letter.channel}:{one}".casefold() for one in addresses}
