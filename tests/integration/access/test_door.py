"""The door of the API: who gets in with which key, and what an outage of the store changes."""

import asyncio
import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from common.settings import Settings
from common.times import epoch_ms, utc_now
from gateway_api.access import keys as access_keys
from store.access.key_form import Mode, Scope, new_key
from store.access.keys import find_key, load_keys, rotate_secret
from store.database import Database, StoreUnavailable
from store.schema import upgrade
from tests.support.clients.api_client import KEY, NOTIFICATION, FakeBroker, api, assert_problem
from tests.support.clients.keys import bearer, made_key
from tests.support.polling import eventually

SEND, LIST = "/v1/notifications", "/v1/notifications"
FOREVER_MS = 10**14


@pytest.fixture
def settings(store_url: str) -> Settings:
    return Settings(database_url=SecretStr(store_url))


@contextlib.contextmanager
def away(url: str) -> Iterator[None]:
    """The store cannot be used meanwhile; of SQLite, whose file is easily put aside."""
    file = Path(url.removeprefix("sqlite:///"))
    aside = file.with_suffix(".aside")
    file.rename(aside)
    yield
    aside.rename(file)


async def status(client: httpx.AsyncClient, headers: dict[str, str] | None = None) -> int:
    return (await client.post(SEND, json=NOTIFICATION, headers=headers)).status_code


async def becomes(wanted: int, client: httpx.AsyncClient, headers: dict[str, str]) -> None:
    async def is_so() -> bool:
        return await status(client, headers) == wanted

    await eventually(is_so)


async def test_without_any_key_this_machine_gets_in_and_then_only_with_one(
    settings: Settings, database: Database
) -> None:
    async with api(settings) as client:
        assert await status(client) == 202
        assert await status(client, bearer("what nobody asks for")) == 202
        key = made_key(database)
        assert await status(client, key.bearer) == 202
        assert_problem(await client.post(SEND, json=NOTIFICATION), "unauthorized")
        assert await status(client, bearer("what nobody asks for")) == 401
        key.revoke()
        await becomes(401, client, key.bearer)
        assert await status(client) == 401  # a key that was revoked opens no door by that


async def test_new_key_works_at_once_and_a_revoked_one_within_five_seconds_no_more(
    settings: Settings, database: Database
) -> None:
    replicas = [api(settings), api(settings)]
    async with replicas[0] as one, replicas[1] as other:
        made_key(database)
        assert await status(one, made_key(database).bearer) == 202
        key = made_key(database)
        assert [await status(client, key.bearer) for client in (one, other)] == [202, 202]
        key.revoke()
        began = time.monotonic()
        for client in (one, other):
            await becomes(401, client, key.bearer)
        assert time.monotonic() < began + 5


@pytest.mark.parametrize(
    "text",
    [
        new_key(Mode.LIVE),
        new_key(Mode.LIVE)[:-1] + "!",
        "gwk_live_x",
        "gwk_",
        "0123456789abcdef",
        "gwk_live_ключ",
    ],
    ids=["unknown", "cut", "short", "nothing", "of another kind", "no letters of ours"],
)
async def test_key_that_is_none_of_ours_is_refused(
    text: str, settings: Settings, database: Database
) -> None:
    made_key(database)
    async with api(settings) as client:
        answer = await client.post(
            SEND,
            json=NOTIFICATION,
            headers={b"Authorization": f"Bearer {text}".encode()},
        )
        assert_problem(answer, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_expired_key_opens_nothing(settings: Settings, database: Database) -> None:
    over = made_key(database, expires_at_ms=round(time.time() * 1000) - 1)
    async with api(settings) as client:
        assert await status(client, over.bearer) == 401
        soon = made_key(database, expires_at_ms=round(time.time() * 1000) + 2000)
        assert await status(client, soon.bearer) == 202
        await becomes(401, client, soon.bearer)


async def test_rotated_key_is_good_together_with_the_new_one_for_a_while(
    settings: Settings, database: Database
) -> None:
    key = made_key(database)
    async with api(settings) as client:
        assert await status(client, key.bearer) == 202
        new = key.rotate(until_ms=round(time.time() * 1000) + 60_000)
        assert await status(client, bearer(new)) == 202
        assert await status(client, key.bearer) == 202
        newest = key.rotate(until_ms=0)
        await becomes(401, client, key.bearer)
        assert await status(client, bearer(newest)) == 202
        assert await status(client, bearer(new)) == 401


@pytest.mark.parametrize(
    ("scope", "method", "path", "is_allowed"),
    [
        (Scope.SEND, "POST", SEND, True),
        (Scope.READ, "POST", SEND, False),
        (Scope.READ, "GET", LIST, True),
        (Scope.SEND, "GET", LIST, False),
        (Scope.READ, "GET", "/v1/stats", True),
        (Scope.SEND, "GET", "/v1/stats", False),
        (Scope.SEND, "GET", "/v1/live", False),
        (Scope.READ, "POST", "/v1/live-tokens", True),
        (Scope.SEND, "POST", "/v1/live-tokens", False),
        (Scope.READ, "DELETE", "/v1/anything/that/comes", False),
    ],
)
async def test_scope_says_what_a_key_may_do(
    scope: Scope,
    method: str,
    path: str,
    sqlite_url: str,
    *,
    is_allowed: bool,
) -> None:
    upgrade(sqlite_url)
    with contextlib.closing(Database(sqlite_url)) as database:
        key = made_key(database, scopes=frozenset({scope}))
    body = {"tags": ["a"]} if "token" in path else NOTIFICATION
    async with api(Settings(database_url=SecretStr(sqlite_url))) as client:
        content = None if method == "GET" else body
        answer = await client.request(method, path, headers=key.bearer, json=content)
    if is_allowed:
        assert answer.status_code < 300
    else:
        assert_problem(answer, "scope_missing")


async def test_simple_key_opens_everything_beside_those_of_the_store(
    settings: Settings, database: Database
) -> None:
    settings = settings.model_copy(update={"api_key": SecretStr(KEY)})
    key = made_key(database)
    async with api(settings) as client:
        assert await status(client, bearer(KEY)) == 202
        assert await status(client, key.bearer) == 202
        assert await status(client) == 401


async def test_required_key_is_asked_for_also_while_there_is_none(
    settings: Settings, database: Database
) -> None:
    settings = settings.model_copy(update={"api_key_required": True, "api_host": "0.0.0.0"})
    async with api(settings) as client:
        assert await status(client) == 401
        answer = await client.get("/healthz", headers={"Host": "gateway.example.com"})
        assert answer.status_code == 200
        assert await status(client, made_key(database).bearer) == 202


async def test_store_that_goes_away_closes_no_door_and_opens_none(sqlite_url: str) -> None:
    upgrade(sqlite_url)
    database = Database(sqlite_url)
    key, revoked = made_key(database), made_key(database)
    revoked.revoke()
    settings = Settings(database_url=SecretStr(sqlite_url))
    broker = FakeBroker()
    async with api(settings, broker) as client:
        assert await status(client, key.bearer) == 202
        with away(sqlite_url):
            await asyncio.sleep(access_keys.REFRESH_S + 0.5)  # beyond the next look at the store
            assert await status(client, key.bearer) == 202
            assert await status(client, revoked.bearer) == 401
            assert await status(client) == 401
            unknown = await client.post(SEND, json=NOTIFICATION, headers=bearer(new_key(Mode.LIVE)))
            assert_problem(unknown, "store_unavailable")
        newer = made_key(database)
        await becomes(202, client, newer.bearer)
    assert {one.delivery.owner for one in broker.published} == {key.id, newer.id}
    database.close()


async def test_process_that_starts_without_its_store_lets_nobody_in_but_the_simple_key(
    sqlite_url: str,
) -> None:
    upgrade(sqlite_url)
    database = Database(sqlite_url)
    key = made_key(database)
    settings = Settings(database_url=SecretStr(sqlite_url))
    simple = settings.model_copy(update={"api_key": SecretStr(KEY)})
    with away(sqlite_url):
        async with api(settings) as client, api(simple) as other:
            for headers in ({}, key.bearer):
                answer = await client.post(SEND, json=NOTIFICATION, headers=headers)
                assert_problem(answer, "store_unavailable")
            assert_problem(
                await other.post(SEND, json=NOTIFICATION, headers=key.bearer), "store_unavailable"
            )
            assert await status(other, bearer(KEY)) == 202
    database.close()


async def test_where_no_store_was_ever_made_there_are_no_keys(tmp_path: Path) -> None:
    async with api(Settings(state_dir=tmp_path)) as client:
        assert await status(client) == 202


async def test_flood_of_wrong_keys_costs_the_store_few_questions(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = made_key(database)
    asked = 0

    def counted(connection: Any) -> object:
        nonlocal asked
        asked += 1
        return load_keys(connection)

    async with api(settings) as client:
        assert await status(client, key.bearer) == 202
        monkeypatch.setattr("gateway_api.access.keys.load_keys", counted)
        began = time.monotonic()
        wrong = [bearer(new_key(Mode.LIVE)) for _ in range(200)]
        found = await asyncio.gather(*(status(client, headers) for headers in wrong))
        assert set(found) == {401}
        assert asked <= 2 + (time.monotonic() - began) * 6


async def test_moment_of_use_is_noted_off_the_way_of_requests(
    settings: Settings, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access_keys, "SEEN_EVERY_S", 0.1)
    monkeypatch.setattr(access_keys, "REFRESH_S", 0.1)
    key, unused = made_key(database), made_key(database)

    async def seen(key_id: str) -> bool:
        with contextlib.suppress(StoreUnavailable), database.reading() as connection:
            found = find_key(connection, key_id)
            return found is not None and found.seen_at_ms is not None
        return False

    async with api(settings) as client:
        assert await status(client, key.bearer) == 202
        await eventually(lambda: seen(key.id))
        assert not await seen(unused.id)


async def test_owner_of_what_is_sent_is_the_key_and_nobody_of_the_simple_one(
    settings: Settings, database: Database
) -> None:
    key, broker = made_key(database), FakeBroker()
    settings = settings.model_copy(update={"api_key": SecretStr(KEY)})
    async with api(settings, broker) as client:
        assert await status(client, key.bearer) == 202
        assert await status(client, bearer(KEY)) == 202
    assert [one.delivery.owner for one in broker.published] == [key.id, None]


async def test_team_key_reaches_only_its_list(settings: Settings, database: Database) -> None:
    key = made_key(
        database,
        mode=Mode.TEAM,
        recipients=("email:Ada@example.com", "email:*@example.org", "telegram:42"),
    )
    broker = FakeBroker()
    common = {"subject": "s", "text": "t"}
    async with api(settings, broker) as client:

        async def send(**fields: object) -> httpx.Response:
            return await client.post(SEND, json=common | fields, headers=key.bearer)

        for to in ("email:ADA@example.com", "email:bob@Example.ORG", "telegram:42"):
            assert (await send(to=to)).status_code == 202
        for to in ("email:bob@example.com", "email:a@sub.example.org", "telegram:43", "vk:42"):
            assert_problem(await send(to=to), "recipient_not_allowed")
        refused = assert_problem(
            await send(
                to=["telegram:42", "email:ada@example.com"],
                email={"cc": ["bob@example.org"], "bcc": ["eve@example.com"]},
            ),
            "recipient_not_allowed",
        )
        assert [one["path"] for one in refused["errors"]] == ["/email/bcc/0"]
        away = await send(to="telegram:42", callback_url="https://elsewhere.example.com/")
        refused = assert_problem(away, "recipient_not_allowed")
        assert [one["path"] for one in refused["errors"]] == ["/callback_url"]
    assert len(broker.published) == 3


async def test_replaced_secret_signs_what_a_key_sends_to_webhooks(
    settings: Settings, database: Database
) -> None:
    key, broker = made_key(database), FakeBroker()
    with database.writing() as connection:
        rotate_secret(connection, key.id, epoch_ms(utc_now()) + 60_000)
    async with api(settings, broker) as client:
        body = {"to": "webhook:https://shop.example.com/", "text": "t"}
        await client.post(SEND, json=body, headers=key.bearer)
    [one] = broker.published
    assert one.delivery.webhook is not None
    assert one.delivery.webhook.secret_versions == [2, 1]


async def test_what_a_test_key_sends_is_of_a_version_that_older_senders_refuse(
    settings: Settings, database: Database
) -> None:
    key, broker = made_key(database, mode=Mode.TEST), FakeBroker()
    live = made_key(database)
    async with api(settings, broker) as client:
        assert await status(client, key.bearer) == 202
        assert await status(client, live.bearer) == 202
    assert [(one.delivery.v, one.delivery.is_test) for one in broker.published] == [
        (2, True),
        (1, False),
    ]


async def test_key_that_only_a_newer_gateway_understands_takes_the_others_from_nobody(
    settings: Settings, database: Database
) -> None:
    key = made_key(database)
    async with api(settings) as client:
        assert await status(client, key.bearer) == 202
        with database.writing() as connection:
            connection.execute(text("UPDATE keys SET mode = 'later'"))
        assert_problem(
            await client.post(SEND, json=NOTIFICATION, headers=bearer(new_key(Mode.LIVE))),
            "store_unavailable",
        )
        assert await status(client, key.bearer) == 202
