"""Who is let in, and when the API refuses to listen."""

import pytest
from pydantic import SecretStr

from common.errors import SettingsError
from common.settings import Settings
from gateway_api.keys import check_exposure
from tests.unit.api_client import KEY, NOTIFICATION, api, assert_problem


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
            assert (await client.get(path)).status_code == 401


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_needs_no_key(host: str) -> None:
    check_exposure(Settings(api_host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.1.2.3", ""])
def test_listening_beyond_this_machine_needs_a_key(host: str) -> None:
    with pytest.raises(SettingsError, match="there is no GATEWAY_API_KEY"):
        check_exposure(Settings(api_host=host))
    check_exposure(Settings(api_host=host, api_key=SecretStr(KEY)))


def test_host_that_does_not_exist_is_named() -> None:
    with pytest.raises(SettingsError, match=r"GATEWAY_API_HOST is 'no such host'"):
        check_exposure(Settings(api_host="no such host"))
