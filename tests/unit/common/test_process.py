"""How processes run."""

import asyncio

import uvloop

from common.process import run_on_loop


def test_processes_run_on_uvloop() -> None:
    found = []

    async def look() -> None:
        found.append(asyncio.get_running_loop())

    run_on_loop(look())
    assert isinstance(found[0], uvloop.Loop)
