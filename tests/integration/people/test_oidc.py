"""Signing in by OpenID Connect: with a real provider, and on its bad days."""

import base64
import json
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc.jwk import RSAKey
from pydantic import SecretStr

from common.settings import Settings
from store.access.audit import read_entries
from store.database import Database
from tests.integration.people.conftest import KEY
from tests.support.clients.browsers import SITE, Browser, gated
from tests.support.providers.oidc import CLIENT_ID, LyingProvider, lying_provider, real_provider


def settings_of(store_url: str, issuer: str, **more: str) -> Settings:
    given = {
        "database_url": store_url,
        "console_key": KEY,
        "console_url": SITE,
        "oidc_issuer": issuer,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": "a-secret-of-the-client",
        "oidc_roles": "staff=viewer,ops=operator,chiefs=admin",
    }
    return Settings.model_validate(given | more)


def kept(**values: Any) -> str:
    """A cookie of the way in."""
    return base64.urlsafe_b64encode(json.dumps(values).encode()).decode().rstrip("=")


@pytest.fixture
def store_url(sqlite_url: str) -> str:
    """What a provider says is no matter of the database."""
    return sqlite_url


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with real_provider() as issuer:
        yield issuer


async def allowed_by(issuer: str, url: str, subject: str) -> str:
    """Where the real provider sends a browser whose person has signed in there."""
    assert url.startswith(issuer)
    async with httpx.AsyncClient() as client:
        answer = await client.post(url, data={"sub": subject})
    return str(answer.headers["location"])


async def know(issuer: str, subject: str, **claims: Any) -> None:
    async with httpx.AsyncClient() as client:
        answer = await client.put(f"{issuer}/users/{subject}", json=claims)
        assert answer.status_code == 204


async def test_person_of_a_real_provider_is_signed_in_with_the_role_of_their_groups(
    issuer: str, database: Database, store_url: str
) -> None:
    await know(issuer, "ada", preferred_username="ada.l", groups=["staff", "ops", "others"])
    async with gated(settings_of(store_url, issuer)) as app, Browser(app) as browser:
        page = (await browser.get("/sign-in?next=/now")).text
        assert f"Sign in with {urlsplit(issuer).netloc}" in page
        away = await browser.get("/sign-in/oidc?next=/now")
        asked = parse_qs(urlsplit(away.headers["location"]).query)
        assert asked["code_challenge_method"] == ["S256"]
        assert asked["redirect_uri"] == [f"{SITE}/sign-in/oidc/back"]
        back = await allowed_by(issuer, away.headers["location"], "ada")
        answer = await browser.get(back)
        assert (answer.status_code, answer.headers["location"]) == (303, "/now")
        known = (await browser.get("/page")).json()
        assert (known["name"], known["role"]) == ("ada.l", "OPERATOR")
        with database.reading() as connection:
            [entry] = read_entries(connection)
        assert entry.actor == "console ada.l"
        assert entry.details == {"by": "oidc", "role": "operator"}

        again = await browser.get(back)
        assert (again.status_code, "was used already" in again.text) == (403, True)

        done = await browser.submit("/sign-out", (await browser.get("/sign-out")).text)
        assert f"{issuer}/oauth2/end_session?id_token_hint=ey" in done.text
        assert await browser.who() is None


async def test_person_without_a_group_that_has_a_role_is_refused(
    issuer: str, database: Database, store_url: str
) -> None:
    await know(issuer, "eve", preferred_username="<b>eve", groups=["others"])
    async with gated(settings_of(store_url, issuer)) as app, Browser(app) as browser:
        away = await browser.get("/sign-in/oidc")
        answer = await browser.get(await allowed_by(issuer, away.headers["location"], "eve"))
        assert answer.status_code == 403
        assert "knows you as &lt;b&gt;eve" in answer.text
        assert await browser.who() is None


@pytest.fixture
def provider() -> Iterator[LyingProvider]:
    with lying_provider() as provider:
        yield provider


@pytest.fixture
async def browser(
    provider: LyingProvider, database: Database, store_url: str
) -> AsyncIterator[Browser]:
    async with gated(settings_of(store_url, provider.issuer)) as app, Browser(app) as browser:
        yield browser


async def come_back(browser: Browser, provider: LyingProvider, query: str = "") -> httpx.Response:
    away = await browser.get("/sign-in/oidc")
    assert away.status_code == 303, away.text
    back = provider.authorise(away.headers["location"])
    return await browser.get(f"/sign-in/oidc/back?{query or back}")


async def test_provider_that_tells_the_truth_is_believed(
    browser: Browser, provider: LyingProvider
) -> None:
    assert (await come_back(browser, provider)).status_code == 303
    assert await browser.who() == "ada"


LIES: dict[str, Callable[[dict[str, Any]], object]] = {
    "issuer": lambda claims: claims.update(iss="https://evil.example.com"),
    "no issuer": lambda claims: claims.pop("iss"),
    "audience": lambda claims: claims.update(aud="another-client"),
    "audience with our name as azp": lambda claims: claims.update(aud="another", azp=CLIENT_ID),
    "nonce": lambda claims: claims.update(nonce="another"),
    "no nonce": lambda claims: claims.pop("nonce"),
    "expired": lambda claims: claims.update(exp=1),
    "no end": lambda claims: claims.pop("exp"),
    "of tomorrow": lambda claims: claims.update(nbf=claims["iat"] + 86_400),
    "no subject": lambda claims: claims.pop("sub"),
}


@pytest.mark.parametrize("lie", LIES)
async def test_token_that_is_not_ours_signs_nobody_in(
    browser: Browser, provider: LyingProvider, lie: str
) -> None:
    provider.change = LIES[lie]
    answer = await come_back(browser, provider)
    assert answer.status_code == 403, answer.text
    assert "cannot be trusted" in answer.text
    assert await browser.who() is None


@pytest.mark.parametrize("by", ["another key", "HS256", "none"])
async def test_signature_that_is_not_the_providers_signs_nobody_in(
    browser: Browser, provider: LyingProvider, by: str
) -> None:
    if by == "another key":
        provider.key = RSAKey.generate_key(2048, {"kid": "one"})
    else:
        provider.sign = by
    answer = await come_back(browser, provider)
    assert answer.status_code == 403, answer.text
    assert "cannot be trusted" in answer.text


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/token", 500, b"<html>"),
        ("/token", 200, b"[]"),
        ("/token", 200, b"{}"),
        ("/token", 200, b'{"id_token": "a.b.c", "access_token": "x", "token_type": "Bearer"}'),
        ("/token", 200, b"\xff\xfe"),
        ("/token", 400, b'{"error": "invalid_client", "error_description": "<b>"}'),
        ("/keys", 200, b'{"keys": [{"kty": "nonsense"}]}'),
        ("/keys", 404, b""),
    ],
)
async def test_answer_that_makes_no_sense_is_a_page_and_no_fault(
    browser: Browser, provider: LyingProvider, path: str, status: int, body: bytes
) -> None:
    provider.answers[path] = (status, body)
    away = await browser.get("/sign-in/oidc")
    if path == "/keys":
        assert away.status_code == 503
        return
    back = provider.authorise(away.headers["location"])
    answer = await browser.get(f"/sign-in/oidc/back?{back}")
    assert answer.status_code in (403, 503)
    assert 'role="alert"' in answer.text
    assert await browser.who() is None


@pytest.mark.parametrize(
    ("status", "body"),
    [(503, b""), (200, b"no json"), (200, b"[]"), (200, b'{"issuer": "https://evil.example"}')],
)
async def test_provider_that_is_away_is_said_and_the_other_ways_in_stay(
    browser: Browser, provider: LyingProvider, status: int, body: bytes
) -> None:
    provider.answers["/.well-known/openid-configuration"] = (status, body)
    answer = await browser.get("/sign-in/oidc")
    assert answer.status_code == 503
    assert "cannot be reached or does not answer as it should" in answer.text
    assert (await browser.sign_in_by_key(KEY)).status_code == 303
    provider.answers.clear()
    assert (await come_back(browser, provider)).status_code == 303


@pytest.mark.parametrize(
    "query",
    [
        "code=x",
        "code=x&state=another",
        "state=",
        "",
        "code=%ff%fe&state=%00",
        "error=access_denied",
    ],
)
async def test_way_back_that_this_browser_did_not_begin_is_refused(
    browser: Browser, provider: LyingProvider, query: str
) -> None:
    answer = await come_back(browser, provider, query or "x=1")
    assert (answer.status_code, "Begin again" in answer.text) == (403, True)


async def test_way_back_of_another_browser_signs_nobody_in(
    browser: Browser, provider: LyingProvider, store_url: str
) -> None:
    async with gated(settings_of(store_url, provider.issuer)) as app, Browser(app) as attacker:
        away = await attacker.get("/sign-in/oidc")
        back = provider.authorise(away.headers["location"])
    await browser.get("/sign-in/oidc")
    assert (await browser.get(f"/sign-in/oidc/back?{back}")).status_code == 403


async def test_code_that_was_used_signs_nobody_in_again(
    browser: Browser, provider: LyingProvider
) -> None:
    away = await browser.get("/sign-in/oidc")
    kept = browser.cookies["gateway-oidc"]
    back = provider.authorise(away.headers["location"])
    assert (await browser.get(f"/sign-in/oidc/back?{back}")).status_code == 303
    browser.cookies.set("gateway-oidc", kept)
    answer = await browser.get(f"/sign-in/oidc/back?{back}")
    assert (answer.status_code, "did not sign you in" in answer.text) == (403, True)


async def test_refusal_of_the_provider_is_said(browser: Browser, provider: LyingProvider) -> None:
    away = await browser.get("/sign-in/oidc")
    provider.authorise(away.headers["location"])
    query = f"error=access_denied&state={provider.asked['state']}"
    answer = await browser.get(f"/sign-in/oidc/back?{query}")
    assert (answer.status_code, "did not sign you in" in answer.text) == (403, True)


async def test_answer_in_the_name_of_another_issuer_is_refused(
    browser: Browser, provider: LyingProvider
) -> None:
    away = await browser.get("/sign-in/oidc")
    back = provider.authorise(away.headers["location"])
    answer = await browser.get(f"/sign-in/oidc/back?{back}&iss=https%3A%2F%2Fevil.example.com")
    assert (answer.status_code, "cannot be trusted" in answer.text) == (403, True)


@pytest.mark.parametrize(
    "cookie",
    [
        *("x", "e30", "A" * 5000, "bnVsbA", "W10"),
        kept(s="\ud800", n="n", v="v", a="/", at=2_000_000_000),
        kept(s="y", n="n", v="v", a="/", at=10**400),
        kept(s="y", n="n", v="v", a="/", at=0.5),
        kept(s="y", n=[], v="v", a="/", at=2_000_000_000),
    ],
)
async def test_cookie_of_the_way_in_that_is_nonsense_is_refused(
    browser: Browser, cookie: str
) -> None:
    browser.cookies.set("gateway-oidc", cookie)
    assert (await browser.get("/sign-in/oidc/back?code=x&state=y")).status_code == 403


async def test_longest_way_back_fits_into_a_cookie(browser: Browser) -> None:
    for length in (10, 1400, 1900):
        away = await browser.get("/sign-in/oidc", params={"next": "/" + "й" * (length // 6)})
        [cookie] = away.headers.get_list("set-cookie")
        assert len(cookie) < 4000


def test_secret_of_the_client_is_a_secret() -> None:
    settings = settings_of("sqlite:///x", "https://sso.example.com")
    assert isinstance(settings.oidc_client_secret, SecretStr)
