"""What tests of several rooms are given: the stand-in providers."""

from collections.abc import AsyncIterator

import httpx
import pytest

from deploy.sandbox import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """The stand-in providers, in this process, on ports of their own."""
    async with Sandbox.running() as running:
        yield running


@pytest.fixture
async def http(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client of their HTTP: the inbox, the faults, the Bot API and the VK API."""
    async with httpx.AsyncClient(base_url=sandbox.http_url, timeout=30) as client:
        yield client
