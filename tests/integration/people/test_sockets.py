"""The WebSockets of pages, spoken to by hand: whose they are, and what they are told."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
from websockets.exceptions import InvalidStatus

from common.envelope import EventType
from console.people.person import Role
from store.access.users import UserRow, change_role, load_users
from store.database import Database
from tests.support.clients.browsers import PASSWORD, made_user
from tests.support.clients.by_hand import Visitor, visiting
from tests.support.happenings import accepted, event
from tests.support.processes.consoles import Console, quick_console
from tests.support.stored import new_deliveries, store

ROLES_KNOWN_S = 5.0
REFRESH_S = 5.0
DEAF, MOST_KB = 60, 2_000
NONSENSE = (
    "4",
    "42",
    "42{}",
    '42["event"]',
    '42["event",1,2,3]',
    '42["event",{"client_id":{}}]',
    '42["ack",null]',
    '42["javascript_response",[]]',
    '42["log",{"level":"error","message":"a page speaks into the log"}]',
    '42["handshake",{}]',
    '42["handshake",null]',
    "43",
    "451-[]",
    "\x00\x01",
)


@pytest.fixture
def users(database: Database) -> dict[str, UserRow]:
    return {role.name: made_user(database, role.name.lower(), role) for role in Role}


@pytest.fixture
def console(gateway_url: str, store_url: str, users: dict[str, UserRow]) -> Iterator[Console]:
    with quick_console(gateway_url, GATEWAY_DATABASE_URL=store_url) as console:
        yield console


@pytest.fixture
async def admin(console: Console) -> AsyncIterator[Visitor]:
    async with visiting(str(console.client.base_url).rstrip("/"), "admin") as visitor:
        yield visitor


@pytest.fixture
async def viewer(console: Console) -> AsyncIterator[Visitor]:
    async with visiting(str(console.client.base_url).rstrip("/"), "viewer") as visitor:
        yield visitor


async def test_page_is_spoken_for_by_the_person_who_loaded_it_only(
    admin: Visitor, viewer: Visitor, database: Database
) -> None:
    page = await admin.open("/operations/users")
    form, listener = next(page.listeners("submit"))
    made = {"name": "eve", "role": "admin", "password": PASSWORD}

    async with viewer.socket(page.query) as theirs:
        assert not await theirs.hello()
        await theirs.event(page.client_id, form, listener, made)
        assert "eve" not in await theirs.hear(1)

    async with admin.socket(page.query) as own:
        assert await own.hello()
        other = await viewer.open("/")
        async with viewer.socket(other.query) as theirs:
            assert await theirs.hello()
            await theirs.event(page.client_id, form, listener, made)
            await theirs.hear(1)
        assert "eve" not in {one.name for one in _users(database)}
        await own.event(page.client_id, form, listener, made)
        await own.hear_until("eve")
    assert "eve" in {one.name for one in _users(database)}


async def test_socket_needs_a_page_and_a_person(admin: Visitor, viewer: Visitor) -> None:
    async with admin.socket({}) as nowhere:
        assert not await nowhere.hello()
    page = await viewer.open("/")
    viewer.http.cookies.clear()
    with pytest.raises(InvalidStatus):
        async with viewer.socket(page.query):
            pass


@pytest.mark.parametrize("ends", ["another role", "signed out"])
async def test_page_of_somebody_who_may_no_more_is_told_nothing_more(
    admin: Visitor, database: Database, users: dict[str, UserRow], ends: str
) -> None:
    page = await admin.open("/events")
    async with admin.socket(page.query) as socket:
        assert await socket.hello()
        _tell(database, "lovelace@example.org")
        await socket.hear_until("lovelace@example.org")
        if ends == "another role":
            with database.writing() as connection:
                change_role(connection, users["ADMIN"].id, "viewer")
        else:
            await _sign_out(admin)
        await socket.hear(ROLES_KNOWN_S)
        assert "/sign-in" in socket.heard or "history.go" in socket.heard
        _tell(database, "babbage@example.org")
        assert "babbage" not in await socket.hear(2)


async def test_nonsense_is_no_traceback_and_stops_no_other(
    admin: Visitor, viewer: Visitor, capfd: pytest.CaptureFixture[str]
) -> None:
    page = await admin.open("/")
    async with admin.socket(page.query) as own:
        assert await own.hello()
        theirs = await viewer.open("/")
        for one in NONSENSE:
            async with viewer.socket(theirs.query) as socket:
                assert await socket.hello()
                await socket.connection.send(one)
                await socket.hear(0.1)
        own.heard = ""
        await own.hear_until("2\n", within_s=20)
    said = capfd.readouterr().err
    assert "Traceback" not in said, said
    assert "a page speaks" not in said


def _users(database: Database) -> list[UserRow]:
    with database.reading() as connection:
        return load_users(connection)


def _tell(database: Database, address: str) -> None:
    [one] = new_deliveries(address=address)
    store(database, accepted(one), event(one, EventType.SENT))


async def _sign_out(visitor: Visitor) -> None:
    page = (await visitor.http.get("/sign-out")).text
    token = page.split('name="csrf" value="')[1][:64]
    answer = await visitor.http.post("/sign-out", data={"csrf": token})
    assert answer.status_code == 200


@pytest.mark.long
async def test_sockets_that_never_read_cost_little_and_nobody_else_anything(
    console: Console, viewer: Visitor
) -> None:
    before_kb = console.memory_kb
    async with AsyncExitStack() as stack:
        for _ in range(DEAF):
            page = await viewer.open("/")
            socket = await stack.enter_async_context(viewer.socket(page.query))
            await socket.connection.send("40")
            socket.connection.transport.pause_reading()
        opened_kb = console.memory_kb
        assert opened_kb - before_kb < DEAF * MOST_KB
        # Long enough for the numbers on each page to be sent some times to nobody.
        async with viewer.socket((await viewer.open("/")).query) as other:
            assert await other.hello()
            await other.hear(3 * REFRESH_S)
        async with asyncio.timeout(5):
            await viewer.open("/")
        assert (
            console.memory_kb - opened_kb < 2 * MOST_KB + 8_000
        )  # of the two pages more, and of all
