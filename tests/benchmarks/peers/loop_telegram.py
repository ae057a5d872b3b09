"""python-telegram-bot in a bare loop: `loop_telegram.py COUNT`, prints what it took as JSON."""

import asyncio
import json
import os
import sys
import time

import uvloop
from telegram import Bot
from telegram.request import HTTPXRequest

LANES = int(os.environ["PEER_LANES"])
URL = f"http://127.0.0.1:{os.environ['PEER_HTTP_PORT']}/bot"


async def main(count: int) -> None:
    request = HTTPXRequest(connection_pool_size=LANES, pool_timeout=30)
    bot = Bot("1000000001:peer", base_url=URL, request=request)
    numbers = iter(range(1, count + 1))

    async def lane() -> None:
        for number in numbers:
            await bot.send_message(number, "Order shipped\n\nOn its way.")

    began, cpu_began = time.perf_counter(), time.process_time()
    await asyncio.gather(*(lane() for _ in range(LANES)))
    print(
        json.dumps(
            {"took_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu_began}
        )
    )


uvloop.run(main(int(sys.argv[1])))
