"""What schemathesis loads beside its settings, `fuzz.toml`: requests that are worth sending."""

from zlib import crc32

import schemathesis
from schemathesis import HookContext

from gateway_api.updates.status import MOST_WAIT_S as LONGEST_S

RECIPIENTS = (
    "email:ada@example.com",
    "telegram:42",
    "vk:123",
    "webhook:https://shop.example.com/hooks",
)


MOST_WAIT_S = 1


@schemathesis.hook.apply_to(operation_id="showNotification")  # type: ignore[attr-defined, untyped-decorator]
def map_query(context: HookContext, query: dict[str, object]) -> dict[str, object]:
    """A long-poll waits as it does, but not for so long."""
    wait = query.get("wait")
    is_long = isinstance(wait, int) and MOST_WAIT_S < wait <= LONGEST_S
    return query | {"wait": MOST_WAIT_S} if is_long else query


@schemathesis.hook.apply_to(operation_id="sendNotification")  # type: ignore[attr-defined, untyped-decorator]
def map_body(context: HookContext, body: object) -> object:
    """Every other notification goes to a recipient that may be, and has what each channel needs.

    No schema says what an address is, so hardly any other gets as far as the broker.
    """
    number = crc32(repr(body).encode())
    if not isinstance(body, dict) or not isinstance(body.get("to"), str | list) or number % 2:
        return body
    needed = {"to": RECIPIENTS[number // 2 % len(RECIPIENTS)], "subject": "Hello"}
    return body | needed | {"text": "world"}
