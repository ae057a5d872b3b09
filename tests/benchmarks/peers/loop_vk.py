"""vk_api in a bare loop: `loop_vk.py COUNT`, prints what it took as JSON.

A session per thread, as vk_api holds a lock over each call; its own pauses are off.
"""

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import requests
import vk_api
from jconfig import MemoryConfig
from requests.adapters import HTTPAdapter

LANES = int(os.environ["PEER_LANES"])
URL = f"http://127.0.0.1:{os.environ['PEER_HTTP_PORT']}"


class Elsewhere(HTTPAdapter):
    """Sends what is meant for VK to the stand-in."""

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        request.url = (request.url or "").replace("https://api.vk.ru", URL)
        return super().send(request, **kwargs)


def lane(numbers: range) -> None:
    session = requests.Session()
    session.trust_env = False
    session.mount("https://", Elsewhere())
    api = vk_api.VkApi(token="peer", session=session, config=MemoryConfig)
    api.RPS_DELAY = 0
    for number in numbers:
        api.method(
            "messages.send", {"peer_id": number, "random_id": number, "message": "On its way."}
        )


def main(count: int) -> None:
    began, cpu_began = time.perf_counter(), time.process_time()
    with ThreadPoolExecutor(LANES) as pool:
        list(pool.map(lane, [range(1 + start, count + 1, LANES) for start in range(LANES)]))
    print(
        json.dumps(
            {"took_s": time.perf_counter() - began, "cpu_s": time.process_time() - cpu_began}
        )
    )


main(int(sys.argv[1]))
