"""When a call is made again, and when it is given up.

A conversation is a generator: it yields steps, and is sent what came of each, or thrown
Unreachable. Who does the steps (client.py, async_client.py) decides nothing.
"""

import random
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass, replace
from typing import Any, Final, TypeVar

from gateway_client.call import Answer, Call
from gateway_client.errors import GatewayError, Unreachable
from gateway_client.problems import PartlyAccepted, Refused, TooMany, Unavailable

T = TypeVar("T")
_FIRST_PAUSE_S: Final = 0.2
_LONGEST_PAUSE_S: Final = 5.0


@dataclass(frozen=True, slots=True)
class Pause:
    """A step: wait so long."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Open:
    """A step: begin a stream; what comes of it is its head, with a body if it is no stream."""

    call: Call


@dataclass(frozen=True, slots=True)
class Read:
    """A step: the next bytes of the stream, none at its end."""


@dataclass(frozen=True, slots=True)
class Close:
    """A step: be done with the stream."""


@dataclass(frozen=True, slots=True)
class Told:
    """A step: hand this to the caller."""

    value: Any


Step = Call | Pause | Open | Read | Close | Told
Conversation = Generator[Step, Any, T]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a call may take, all its tries together, and how many these may be."""

    timeout_s: float
    most_tries: int


def ask(
    call: Call,
    patience: Patience,
    *,
    is_repeatable: bool,
    doubts: list[GatewayError] | None = None,
    is_final: Callable[[GatewayError], bool] = lambda _: False,
) -> Conversation[Answer]:
    """Call until there is a success. Raises GatewayError: the last one, when it is given up.

    is_repeatable: to do it twice is the same as once; else only what certainly was not done is
    done again. doubts: gets the error of each try that may have arrived and was repeated. is_final:
    for which error another try is worth nothing.
    """
    until = time.monotonic() + patience.timeout_s
    tried = 0
    while True:
        tried += 1
        left_s = max(0.1, until - time.monotonic())
        answer_s = min(left_s, call.answer_s) if is_repeatable else left_s
        try:
            answer: Answer = yield replace(call, answer_s=answer_s)
            answer.document()
        except GatewayError as error:
            pause_s = pause_after(error, tried, is_repeatable=is_repeatable)
            is_over = tried >= patience.most_tries or pause_s is None or is_final(error)
            if is_over or time.monotonic() + (pause_s or 0.0) >= until:
                raise
            if doubts is not None and _may_have_arrived(error):
                doubts.append(error)
            yield Pause(pause_s or 0.0)
        else:
            return answer


def _may_have_arrived(error: GatewayError) -> bool:
    return isinstance(error, Unreachable | Unavailable) and error.may_have_arrived


def pause_after(error: GatewayError, tried: int, *, is_repeatable: bool) -> float | None:
    """How long to wait before the next try; None: there is none."""
    match error:
        case PartlyAccepted():  # what is left is for whoever sends to decide
            may_repeat = False
        case TooMany():
            may_repeat = True
        case Unreachable() | Unavailable():
            may_repeat = is_repeatable or not error.may_have_arrived
        case Refused(status=409):  # the same request is still being worked on
            may_repeat = is_repeatable and error.retry_after_s is not None
        case _:
            may_repeat = False
    if not may_repeat:
        return None
    if isinstance(error, Refused) and error.retry_after_s is not None:
        return error.retry_after_s * random.uniform(1.0, 1.2)
    return backoff_s(tried)


def backoff_s(tried: int) -> float:
    """Longer after each try, and never the same for two."""
    pause_s: float = min(_LONGEST_PAUSE_S, _FIRST_PAUSE_S * 2 ** min(tried - 1, 10))
    return pause_s * random.uniform(0.5, 1.0)
