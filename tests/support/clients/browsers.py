"""Who uses the console's pages as a browser does: cookies, forms, and where a request is from."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from html import unescape

import httpx
from argon2 import PasswordHasher
from starlette.requests import HTTPConnection
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from common.settings import Settings
from console.people.gate import guarded_by_people
from console.people.people import People
from console.people.person import Role
from store.access.users import UserRow, add_user, new_user_id
from store.database import Database

SITE = "http://console"
PASSWORD = "correct horse battery"
QUICK = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Makes hashes that are renewed at the first sign-in."""


def made_user(database: Database, name: str, role: Role = Role.VIEWER) -> UserRow:
    """A new one in the store, with PASSWORD."""
    row = UserRow(new_user_id(), name, role.name.lower(), QUICK.hash(PASSWORD), 0)
    with database.writing() as connection:
        add_user(connection, row)
    return row


async def what_is_known(scope: Scope, receive: Receive, send: Send) -> None:
    """An application behind the gate that answers with whom it was told."""
    state = HTTPConnection(scope).state
    person = getattr(state, "person", None)
    known = {"csrf": getattr(state, "csrf", None), "name": person and person.name}
    known["role"] = person and person.role.name
    if scope["type"] == "http":
        await JSONResponse(known)(scope, receive, send)
        return
    await send({"type": "websocket.accept"})
    await send({"type": "websocket.close", "reason": str(known["name"])})


class Browser(httpx.AsyncClient):
    """One, with cookies of its own; follows no redirect, and says where its requests are from."""

    def __init__(self, app: ASGIApp, site: str = SITE, address: str = "192.0.2.1") -> None:
        super().__init__(
            transport=httpx.ASGITransport(app, client=(address, 40000)),
            base_url=site,
            headers={"Accept": "text/html"},
        )
        self.site = site

    async def submit(
        self, path: str, page: str, origin: str | None = None, **fields: str
    ) -> httpx.Response:
        """Send a form of this page, with its hidden fields unless they are given."""
        found = re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page)
        hidden = {name: unescape(value) for name, value in found}
        headers = {"Origin": origin or self.site}
        return await self.post(path, data=hidden | fields, headers=headers)

    async def sign_in(self, name: str, password: str = PASSWORD) -> httpx.Response:
        """Fill in the form."""
        page = (await self.get("/sign-in")).text
        return await self.submit("/sign-in", page, name=name, password=password)

    async def sign_in_by_key(self, key: str) -> httpx.Response:
        """Fill in the other form."""
        page = (await self.get("/sign-in")).text
        return await self.submit("/sign-in", page, key=key)

    async def who(self) -> str | None:
        """Whose browser it is."""
        answer = await self.get("/page")
        return str(answer.json()["name"]) if answer.status_code == 200 else None


@asynccontextmanager
async def gated(settings: Settings, people: People | None = None) -> AsyncIterator[ASGIApp]:
    """`what_is_known` behind the gate of these settings."""
    people = people or People(settings)
    try:
        yield guarded_by_people(what_is_known, settings, people)
    finally:
        await people.close()
