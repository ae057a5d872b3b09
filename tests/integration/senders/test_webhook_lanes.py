"""Endpoints that hang or fail cost the others nothing, though all share the lanes."""

import time
from contextlib import AsyncExitStack

from common.channels import Priority
from senders.webhook.patience import Patience
from senders.webhook.provider import WebhookProvider
from tests.support.polling import eventually
from tests.support.providers.receiver import Receiver, status, webhook_settings
from tests.support.providers.scripted import running_sender
from tests.support.providers.scripted_servers import Deed
from tests.support.queues import EventLog, make_delivery, put

LANES = 4
MOMENT_S, TIMEOUT_S = 0.3, 20.0
SETTINGS = {
    "webhook_lanes": f"normal:{LANES}",
    "retry_delays": "1s,1s,1s,1s",
    "stop_timeout_s": "1",
}


def provider() -> WebhookProvider:
    patience = Patience({Priority.NORMAL: LANES}, TIMEOUT_S, MOMENT_S)
    return WebhookProvider(webhook_settings(), patience)


def put_webhooks(url: str, receiver: Receiver, times: int) -> None:
    for _ in range(times):
        put(url, make_delivery(channel="webhook", address=receiver.url()))


async def test_as_many_hanging_endpoints_as_lanes_hold_up_no_other(gateway_url: str) -> None:
    healthy, hanging = Receiver(), [Receiver(Deed.HANG) for _ in range(LANES)]
    async with AsyncExitStack() as stack:
        for receiver in (healthy, *hanging):
            await stack.enter_async_context(receiver.serving())
        for receiver in hanging:
            put_webhooks(gateway_url, receiver, 3)
        put_webhooks(gateway_url, healthy, 20)
        began = time.monotonic()
        await stack.enter_async_context(running_sender(provider(), gateway_url, **SETTINGS))
        await eventually(lambda: len(healthy.requests) == 20)
        took_s = time.monotonic() - began
    # Not one of those that may be waited for to the end has ended by then.
    assert took_s < TIMEOUT_S / 2, took_s
    assert all(receiver.requests for receiver in hanging[:1])


async def test_hanging_endpoint_rests_and_what_is_for_it_waits_in_the_broker(
    gateway_url: str,
) -> None:
    hanging, events = Receiver(Deed.HANG), EventLog(gateway_url)
    async with hanging.serving():
        put_webhooks(gateway_url, hanging, 3 * LANES)
        patience = Patience({Priority.NORMAL: LANES}, 2.0, MOMENT_S)
        channel = WebhookProvider(webhook_settings(), patience)
        async with running_sender(channel, gateway_url, **SETTINGS):
            await eventually(lambda: events.types() == ["retrying"] * LANES)
            healthy = Receiver()
            async with healthy.serving():
                put_webhooks(gateway_url, healthy, 3)
                await eventually(lambda: len(healthy.requests) == 3)
    assert len(hanging.requests) == LANES


async def test_failing_endpoint_is_no_ones_but_its_own(gateway_url: str) -> None:
    failing, busy, healthy = (
        Receiver(status("500 Broken")),
        Receiver(status("429 Slow", "Retry-After: 60")),
        Receiver(),
    )
    events = EventLog(gateway_url)
    async with failing.serving(), busy.serving(), healthy.serving():
        for receiver in (failing, busy, healthy):
            put_webhooks(gateway_url, receiver, 4)
        async with running_sender(provider(), gateway_url, **SETTINGS):
            await eventually(lambda: events.types().count("sent") == 4)
            put_webhooks(gateway_url, busy, 10)
            put_webhooks(gateway_url, healthy, 4)
            await eventually(lambda: events.types().count("sent") == 8)
    assert len(busy.requests) <= LANES
    assert len(failing.requests) >= 4
