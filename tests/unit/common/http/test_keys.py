"""Who is let in, and when the API refuses to listen."""

import pytest
from pydantic import SecretStr

from common.errors import SettingsError
from common.http.keys import check_exposure
from common.settings import Settings
from tests.support.clients.api_client import KEY, NOTIFICATION, api, assert_problem


@pytest.mark.parametrize(
    ("authorization", "is_admitted"),
    [
        (None, False),
        ("", False),
        (f"Bearer {KEY}", True),
        (f"bearer {KEY}", True),
        (f"Bearer {KEY}x", False),
        (f"Bearer {KEY[:-1]}", False),
        (f"Basic {KEY}", False),
        (KEY, False),
        ("Bearer \xff", False),
    ],
)
async def test_key_is_asked_for(authorization: str | None, is_admitted: bool) -> None:
    headers = {} if authorization is None else {b"Authorization": authorization.encode("latin-1")}

    async with api(Settings(api_key=SecretStr(KEY))) as client:
        answer = await client.post("/v1/notifications", json=NOTIFICATION, headers=headers)

    if is_admitted:
        assert answer.status_code == 202
    else:
        assert_problem(answer, "unauthorized")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_only_health_and_documentation_are_open() -> None:
    async with api(Settings(api_key=SecretStr(KEY))) as client:
        for path in ("/healthz", "/docs", "/openapi.json", "/problems", "/problems/not_found"):
            assert (await client.get(path)).status_code == 200
        for path in ("/v1/notifications", "/nothing", "/docs/", "//docs", "/docsx"):
            assert (await client.get(f"http://localhost{path}")).status_code == 401


@pytest.mark.parametrize(
    ("host", "is_answered"),
    [
        ("localhost", True),
        ("LocalHost:8080", True),
        ("api.localhost:8080", True),
        ("127.0.0.1:1", True),
        ("127.8.8.8", True),
        ("[::1]:8080", True),
        ("[::1]", True),
        ("rebound.example", False),
        ("localhost.example", False),
        ("127.0.0.1.example", False),
        ("notlocalhost", False),
        ("10.0.0.1", False),
        ("0.0.0.0", False),
        ("[::2]", False),
        ("", False),
    ],
)
async def test_without_a_key_only_names_of_this_machine_are_answered(
    host: str, is_answered: bool
) -> None:
    async with api() as client:
        answers = [
            await client.post("/v1/notifications", json=NOTIFICATION, headers={"Host": host}),
            await client.get("/healthz", headers={"Host": host}),
            await client.get("/v1/dead-letters", headers={"Host": host}),
        ]

    if is_answered:
        assert [answer.status_code for answer in answers] == [202, 200, 404]
    else:
        for answer in answers:
            assert_problem(answer, "foreign_host")


async def test_name_that_the_operator_listens_on_is_answered() -> None:
    async with api(Settings(api_host="gateway-box")) as client:
        answer = await client.get("/healthz", headers={"Host": "Gateway-Box:8080"})
    assert answer.status_code == 200


async def test_with_a_key_any_name_is_answered() -> None:
    async with api(Settings(api_key=SecretStr(KEY))) as client:
        headers = {"Host": "api.example", "Origin": "https://elsewhere.example"}
        answer = await client.get("/healthz", headers=headers)
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("origins", "is_answered"),
    [
        ([], True),
        (["http://localhost:8080"], True),
        (["https://LOCALHOST:8080"], True),
        (["null"], False),
        (["http://localhost:3000"], False),
        (["http://127.0.0.1:8080"], False),
        (["http://localhost"], False),
        (["https://evil.example"], False),
        (["http://localhost:8080.evil.example"], False),
        (["http://localhost:8080", "null"], False),
        ([""], False),
    ],
)
async def test_without_a_key_pages_of_other_sites_may_not_call(
    origins: list[str], is_answered: bool
) -> None:
    headers = [("Host", "localhost:8080"), *(("Origin", origin) for origin in origins)]
    async with api() as client:
        answer = await client.post("/v1/notifications", json=NOTIFICATION, headers=headers)

    if is_answered:
        assert answer.status_code == 202
    else:
        assert_problem(answer, "foreign_origin")


def expose(host: str, key: str | None = None) -> None:
    check_exposure(host, SecretStr(key) if key else None, "GATEWAY_API", "send")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_key(host: str) -> None:
    expose(host)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", ""])
def test_listening_beyond_this_machine_needs_a_key(host: str) -> None:
    with pytest.raises(SettingsError, match="there is no GATEWAY_API_KEY"):
        expose(host)
    expose(host, KEY)


def test_host_that_does_not_exist_is_named() -> None:
    with pytest.raises(SettingsError, match=r"GATEWAY_API_HOST is 'no such host'"):
        expose("no such host")
