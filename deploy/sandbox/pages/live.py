"""Tells open pages that something is new, and no more: they ask for what they show.

Each page's stream looks four times a second. So a thousand arrivals in a second cost one line to
each page, and nothing waits for a page that does not read.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator
from typing import Final

from fastapi.responses import StreamingResponse

from deploy.sandbox.inbox.store import Inbox

LOOK_S: Final = 0.25
_HEARTBEAT: Final = 60  # looks without anything new, after which the connection is tried


def answer_live(inbox: Inbox) -> StreamingResponse:
    """Answer the inbox's version, and again whenever it is another one, until the page leaves."""
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return StreamingResponse(_versions(inbox), media_type="text/event-stream", headers=headers)


async def _versions(inbox: Inbox) -> AsyncIterator[str]:
    told = -1
    for look in itertools.count():
        if inbox.version != told:
            told = inbox.version
            yield f"data: {told}\n\n"
        elif look % _HEARTBEAT == 0:
            yield ":\n\n"
        await asyncio.sleep(LOOK_S)
