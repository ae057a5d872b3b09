"""How processes run."""

import asyncio
import subprocess
import sys

import pytest
import uvloop

from common.process import run_on_loop


def test_processes_run_on_uvloop() -> None:
    found = []

    async def look() -> None:
        found.append(asyncio.get_running_loop())

    run_on_loop(look())
    assert isinstance(found[0], uvloop.Loop)


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_process_without_a_standard_stream_survives_the_end_of_a_socket(closed: str) -> None:
    program = """
import asyncio, sys
from common.process import run_on_loop, run_process

async def serve():
    server = await asyncio.start_server(print, "127.0.0.1", 0)
    server.close()
    await asyncio.sleep(0.01)

sys.exit(run_process("test", lambda settings: run_on_loop(serve())))
"""
    shell = ["sh", "-c", f'exec "$0" -c "$1" {closed}', sys.executable, program]
    ended = subprocess.run(shell, check=False, stderr=subprocess.PIPE, timeout=30)
    assert ended.returncode == 0, ended.stderr.decode()
