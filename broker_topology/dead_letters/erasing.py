"""Taking one person's dead letters out of their queues, kept nowhere; pika."""

from collections import Counter
from collections.abc import Callable
from contextlib import closing
from itertools import chain

from pydantic_core import from_json

from broker_topology.connect import connected
from broker_topology.dead_letters.archive import discarded_fact
from broker_topology.dead_letters.letter import DeadLetter
from broker_topology.dead_letters.queue import PATIENT, Patience
from broker_topology.dead_letters.selection import Selection
from broker_topology.dead_letters.telling import Teller
from broker_topology.dead_letters.walk import specimens
from broker_topology.dead_letters.work import Worklist
from common.channels import Channel
from common.envelope import CALLBACK, Delivery
from common.recipients import Recipient


def count_letters(url: str, recipient: Recipient) -> Counter[str]:
    """How many letters of each queue are to this recipient, or were; changes nothing.

    Raises DeadLetterError, and TopologyError when the broker cannot be reached or is lost.
    """
    counts: Counter[str] = Counter()
    for channel in _channels(recipient):
        with closing(specimens(url, Selection(channel=channel))) as found:
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
    erased = 0
    with connected(url, patience.broker_s) as connection:
        teller = Teller(connection)
        for channel in _channels(recipient):
            work = Worklist(
                url,
                Selection(channel=channel),
                patience=patience,
                means=lambda letter, taken: _is_about(recipient, letter, taken.body),
            )
            work.on_window = teller.breathe
            with closing(work.batches()) as batches:
                for letter, taken in chain.from_iterable(batches):
                    teller.tell(discarded_fact(taken))
                    work.done(letter, taken)
                    erased += 1
                    on_progress(erased)
    return erased


def _channels(recipient: Recipient) -> set[Channel]:
    """Where letters about somebody lie: on their channel, and callbacks that tell of those."""
    return {recipient.channel, Channel.WEBHOOK}


def _is_about(recipient: Recipient, letter: DeadLetter, body: bytes) -> bool:
    """Whether it goes there; went there until an operator redirected it; or tells of one that did.

    A callback about a whole notification names no recipient.
    """
    if letter.fault is not None:
        return False
    delivery = Delivery.decode(body)
    about = {f"{letter.channel}:{one}" for one in (letter.address, delivery.address)}
    if delivery.webhook and delivery.origin and delivery.origin.kind == CALLBACK:
        about.add(_told_of(delivery.webhook.body))
    return f"{recipient}".casefold() in {one.casefold() for one in about}


def _told_of(callback: str | None) -> str:
    """Whose delivery this callback tells of, `channel:address`; "" when it names nobody."""
    try:
        return str(from_json(callback or "")["data"]["delivery"]["to"])
    except (ValueError, LookupError, TypeError):
        return ""
