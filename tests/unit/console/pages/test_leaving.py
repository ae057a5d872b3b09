"""What pages leave behind that are closed while they wait for letters."""

import asyncio
import threading
import time

from broker_topology.dead_letters.queue import Patience
from console.walks import AT_ONCE, Walk, Walks


async def test_page_that_is_left_while_letters_are_read_gives_its_place_back() -> None:
    walks = Walks("amqp://127.0.0.1:1", 4.0)
    has_begun = threading.Event()

    def read_long(_: Patience, walk: Walk) -> None:
        has_begun.set()
        while True:
            walk.check()
            time.sleep(0.01)

    for _ in range(AT_ONCE + 1):
        page = asyncio.create_task(walks.look(None, read_long))
        await asyncio.to_thread(has_begun.wait, 10)
        has_begun.clear()
        page.cancel()
        await asyncio.wait([page])
    assert await walks.look(None, lambda *_: "read") == "read"
