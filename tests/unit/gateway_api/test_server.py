"""What the server does before and after serving."""

import gc
import time

import pytest
import uvicorn

from common.settings import Settings
from gateway_api.server import serve
from gateway_api.start import listen


def test_full_garbage_collection_while_serving_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Every request in hand waits for it; without care it looks through all code there is."""
    paused_s: list[float] = []

    def run(_: uvicorn.Server, sockets: list[object]) -> None:
        began = time.perf_counter()
        gc.collect()
        paused_s.append(time.perf_counter() - began)

    monkeypatch.setattr(uvicorn.Server, "run", run)
    sockets = listen(Settings(api_port=0))
    try:
        serve(Settings(api_port=0), sockets)
        began = time.perf_counter()
        gc.unfreeze()
        gc.collect()
        whole_s = time.perf_counter() - began
    finally:
        gc.unfreeze()
        for one in sockets:
            one.close()
    assert paused_s[0] < whole_s / 5
