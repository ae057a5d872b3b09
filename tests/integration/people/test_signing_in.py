"""Signing in and out, on both stores: who is let in, for how long, and what the store keeps."""

import asyncio
import socket
import time
from typing import Any

import pytest
from sqlalchemy import text
from starlette.types import ASGIApp

from common.settings import Settings
from console.people import sessions
from console.people.people import NotSignedIn, People
from console.people.person import Person, Role
from store.access.audit import read_entries
from store.access.sessions import load_sessions
from store.access.users import change_role, disable_user, find_user, remove_user
from store.database import Database
from tests.integration.people.conftest import KEY, Clock
from tests.support.clients.browsers import PASSWORD, Browser, gated
from tests.support.polling import eventually


def entries(database: Database) -> list[tuple[str, str]]:
    with database.reading() as connection:
        return [(one.actor, one.action.value) for one in read_entries(connection)]


async def test_who_signs_in_gets_to_where_they_wanted(browser: Browser, database: Database) -> None:
    answer = await browser.get("/dead-letters?code=550%2A&q=%D0%B9")
    assert answer.status_code == 303
    way_in = answer.headers["location"]
    answer = await browser.submit(
        "/sign-in", (await browser.get(way_in)).text, name=" Ada ", password=PASSWORD
    )
    assert answer.status_code == 303
    assert answer.headers["location"] == "/dead-letters?code=550%2A&q=%D0%B9"
    assert (await browser.get("/page")).json()["role"] == "OPERATOR"
    assert entries(database) == [("console ada", "signed in")]


async def test_cookie_is_kept_from_scripts_and_the_store(
    browser: Browser, database: Database
) -> None:
    answer = await browser.sign_in("ada")
    cookies = answer.headers.get_list("set-cookie")
    [cookie] = [one for one in cookies if "session=" in one]
    assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax")
    token = browser.cookies["gateway-session"]
    with database.reading() as connection:
        [kept] = connection.execute(text("SELECT hash FROM sessions")).scalars()
        [password] = connection.execute(
            text("SELECT password_hash FROM users WHERE name = 'ada'")
        ).scalars()
    assert token.encode() not in bytes(kept)
    assert password.startswith("$argon2id$v=19$m=19456,t=2,p=1$")  # renewed, from the quick one


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("ada", "wrong"),
        ("ada", ""),
        ("", ""),
        ("nobody", PASSWORD),
        ("ada\0", PASSWORD),
        ("й" * 3000, PASSWORD),
    ],
)
async def test_wrong_name_and_wrong_password_get_the_same_answer(
    browser: Browser, name: str, password: str
) -> None:
    answer = await browser.sign_in(name, password)
    if len(name) > 1000:
        assert answer.status_code == 413
    else:
        assert answer.status_code == 403
        assert "Name or password is wrong, or the user is disabled." in answer.text
    assert await browser.who() is None


async def test_sign_out_ends_the_cookie_for_whoever_has_it(browser: Browser, app: ASGIApp) -> None:
    await browser.sign_in("ada")
    token = browser.cookies["gateway-session"]
    answer = await browser.submit("/sign-out", (await browser.get("/sign-out")).text)
    assert answer.status_code == 200
    assert "gateway-session" not in browser.cookies
    async with Browser(app) as thief:
        thief.cookies.set("gateway-session", token)
        assert await thief.who() is None


async def test_sign_out_everywhere_ends_the_others_of_the_same_person_only(
    browser: Browser, app: ASGIApp
) -> None:
    async with Browser(app) as other, Browser(app) as bobs:
        await browser.sign_in("ada")
        await other.sign_in("ada")
        await bobs.sign_in("bob")
        page = (await browser.get("/sign-out")).text
        await browser.submit("/sign-out", page, everywhere="yes")
        assert [await one.who() for one in (browser, other, bobs)] == [None, None, "bob"]


async def test_session_ends_when_nothing_was_done_for_long(browser: Browser, clock: Clock) -> None:
    await browser.sign_in("ada")
    for _ in range(3):
        clock.now += 1799
        assert await browser.who() == "ada"
    clock.now += 1800
    assert await browser.who() is None


async def test_page_that_looks_by_itself_keeps_nobody_signed_in(
    browser: Browser, people: People, clock: Clock
) -> None:
    await browser.sign_in("ada")
    person = await people.who(browser.cookies["gateway-session"])
    assert person is not None
    clock.now += 1700
    await browser.get("/_nicegui/3/static.js")
    await people.check(person, acts=False)
    clock.now += 100
    with pytest.raises(NotSignedIn):
        await people.check(person)


async def test_session_ends_at_last_whatever_is_done(browser: Browser, clock: Clock) -> None:
    await browser.sign_in("ada")
    for _ in range(43_200 // 1200):
        clock.now += 1200 - 1 / 36
        assert await browser.who() == "ada"
    clock.now += 1
    assert await browser.who() is None


async def test_session_outlives_the_process_and_counts_in_every_other(
    browser: Browser, settings: Settings, clock: Clock
) -> None:
    await browser.sign_in("ada")
    async with gated(settings, People(settings, clock)) as app, Browser(app) as again:
        again.cookies.set("gateway-session", browser.cookies["gateway-session"])
        assert await again.who() == "ada"
        await again.submit("/sign-out", (await again.get("/sign-out")).text)

        async def ended() -> bool:
            return await browser.who() is None

        await eventually(ended, timeout_s=5)


@pytest.mark.parametrize("change", ["disable", "remove", "role"])
async def test_change_of_a_user_counts_within_five_seconds(
    browser: Browser, people: People, database: Database, change: str
) -> None:
    await browser.sign_in("ada")
    person = await people.who(browser.cookies["gateway-session"])
    assert person is not None
    assert (person.name, person.role) == ("ada", Role.OPERATOR)
    with database.writing() as connection:
        user = find_user(connection, "ada")
        assert user is not None
        match change:
            case "disable":
                disable_user(connection, user.id, 1)
            case "remove":
                remove_user(connection, user.id)
            case "role":
                change_role(connection, user.id, "viewer")
    changed_at = time.monotonic()

    async def counts() -> bool:
        try:
            return (await people.check(person)).role is Role.VIEWER
        except NotSignedIn:
            return True

    await eventually(counts, timeout_s=5)
    assert time.monotonic() - changed_at < 5
    assert await browser.who() == ("ada" if change == "role" else None)


async def test_many_questions_cost_the_store_one_reading(
    browser: Browser, people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    await browser.sign_in("ada")
    readings = 0

    def counted(*given: Any) -> object:
        nonlocal readings
        readings += 1
        return load_sessions(*given)

    monkeypatch.setattr(sessions, "load_sessions", counted)
    await asyncio.gather(*(browser.who() for _ in range(50)))
    assert readings <= 1


async def test_first_start_says_which_command_makes_a_user(
    database: Database, settings: Settings
) -> None:
    async with gated(settings) as app, Browser(app) as browser:
        page = (await browser.get("/sign-in")).text
        assert "gateway console user add NAME --role admin" in page
        russian = await browser.get("/sign-in", headers={"Accept-Language": "ru-RU,ru;q=0.9,en"})
        assert 'lang="ru"' in russian.text
        assert "Пользователей ещё нет" in russian.text


@pytest.mark.parametrize("is_silent", [False, True])
async def test_who_is_known_goes_on_while_the_store_is_away(
    browser: Browser, people: People, monkeypatch: pytest.MonkeyPatch, *, is_silent: bool
) -> None:
    await browser.sign_in("ada")
    token = browser.cookies["gateway-session"]
    with socket.create_server(("127.0.0.1", 0)) as server:  # it accepts, and never says a word
        port = server.getsockname()[1] if is_silent else 1
        away = Database(f"postgresql://gateway@127.0.0.1:{port}/gateway")
        monkeypatch.setattr(people.sessions, "_database", away)
        monkeypatch.setattr(people.sessions, "_read_at", float("-inf"))
        assert await browser.who() == "ada"
        page = (await browser.get("/sign-out")).text
        assert (await browser.submit("/sign-out", page)).status_code == 200
    browser.cookies.set("gateway-session", token)
    assert await browser.who() is None


async def test_key_opens_the_door_without_any_store(nowhere: Settings) -> None:
    async with gated(nowhere) as app, Browser(app) as browser:
        page = (await browser.get("/sign-in")).text
        assert "The database does not answer" in page
        answer = await browser.sign_in("ada")
        assert (answer.status_code, "sign in with the console" in answer.text) == (503, True)
        assert (await browser.sign_in_by_key("another key than it")).status_code == 403
        assert (await browser.sign_in_by_key(KEY)).status_code == 303
        assert (await browser.get("/page")).json()["role"] == "ADMIN"
        page = (await browser.get("/sign-out")).text
        await browser.submit("/sign-out", page)
        assert await browser.who() is None


async def test_sign_in_by_key_is_audited_when_the_store_answers(
    browser: Browser, people: People, database: Database
) -> None:
    assert (await browser.sign_in_by_key(KEY)).status_code == 303

    async def is_written() -> bool:
        return entries(database) == [("console key", "signed in")]

    await eventually(is_written, timeout_s=10)


async def test_where_nobody_signs_in_everybody_is_the_demos(nowhere: Settings) -> None:
    settings = nowhere.model_copy(update={"console_sign_in": False})
    people = People(settings)
    async with gated(settings, people) as app, Browser(app, site="http://localhost:8090") as one:
        assert await one.who() == "demo"
        assert (await one.get("/sign-in")).headers["location"] == "/"
        person = await people.who(None)
        assert person == Person("demo", Role.ADMIN, None)
        assert await people.check(person) == person
        foreign = await one.get("/page", headers={"Host": "rebound.example.com"})
        assert foreign.status_code == 421


async def test_person_of_no_session_is_nobody_where_one_signs_in(people: People) -> None:
    with pytest.raises(NotSignedIn):
        await people.check(Person("demo", Role.ADMIN, None))
