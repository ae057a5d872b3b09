"""What the gate lets through: from whose page, by which cookie, with which role."""

import asyncio
from typing import Any

import httpx
import pytest
from starlette.types import ASGIApp

from common.http.catalogue import CATALOGUE
from common.settings import Settings
from console.people.people import People
from tests.integration.people.conftest import KEY
from tests.support.clients.browsers import PASSWORD, SITE, Browser, gated

PARALLEL = 12


@pytest.fixture
def store_url(sqlite_url: str) -> str:
    """What is tried here is no matter of the database."""
    return sqlite_url


def code(answer: httpx.Response) -> str:
    found = str(answer.json()["code"])
    assert answer.status_code == CATALOGUE[found].status
    return found


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "http://evil.example.com"},
        {"Origin": "null"},
        {"Origin": "http://console.evil.example.com"},
        {"Origin": "http://console:81"},
        {"Origin": "http://evil.example.com", "X-Forwarded-Host": "evil.example.com"},
        {"Origin": "https://evil.example.com", "Forwarded": "host=evil.example.com;proto=https"},
        {"Origin": SITE, "Sec-Fetch-Site": "cross-site"},
        {"Origin": SITE, "Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
async def test_form_of_another_site_is_refused(browser: Browser, headers: dict[str, str]) -> None:
    page = (await browser.get("/sign-in")).text
    token = page.split('name="csrf" value="')[1][:64]
    form = {"csrf": token, "name": "ada", "password": PASSWORD}
    answer = await browser.post("/sign-in", data=form, headers=headers)
    assert answer.status_code == 403
    assert "another site" in answer.text
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("token", ["", "0" * 64])
async def test_form_without_its_own_token_is_refused(browser: Browser, token: str) -> None:
    page = (await browser.get("/sign-in")).text
    fields = {"csrf": token, "name": "ada", "password": PASSWORD}
    answer = await browser.submit("/sign-in", page, **fields)
    assert (answer.status_code, "open for too long" in answer.text) == (403, True)
    await browser.sign_in("ada")
    answer = await browser.submit("/sign-out", "", csrf=token)
    assert answer.status_code == 403
    assert await browser.who() == "ada"


async def test_form_that_was_given_to_another_browser_is_refused(
    browser: Browser, app: ASGIApp
) -> None:
    async with Browser(app) as attacker:
        page = (await attacker.get("/sign-in")).text
    await browser.get("/sign-in")
    answer = await browser.submit("/sign-in", page, name="ada", password=PASSWORD)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "wanted",
    [
        "//evil.example.com/",
        "/\\evil.example.com/",
        "\\\\evil.example.com",
        "https://evil.example.com/",
        "javascript:alert(1)",
        "/\t/evil.example.com",
        "/\r\nSet-Cookie: a=b",
        "///evil.example.com",
        "/sign-out",
        "/sign-in?next=/",
        "",
    ],
)
async def test_after_signing_in_nobody_gets_to_another_site(browser: Browser, wanted: str) -> None:
    page = (await browser.get("/sign-in", params={"next": wanted})).text
    answer = await browser.submit("/sign-in", page, name="ada", password=PASSWORD)
    assert answer.headers["location"] == "/"
    again = await browser.submit("/sign-in", page, name="ada", password=PASSWORD, next=wanted)
    assert again.headers.get("location", "/") == "/"


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"name=" + b"a" * 1_000_000, None, 413),
        (b"name=%ff%fe&password=x", None, 400),
        (b"name=\xff\xfe&password=x", None, 400),
        (b"&".join(b"a%d=1" % number for number in range(1000)), None, 400),
        (b"name=ada&name=bob", None, 400),
        (b'{"name": "ada"}', "application/json", 415),
        (b"--x\r\n", "multipart/form-data; boundary=x", 415),
    ],
)
async def test_form_that_is_none_gets_a_page_and_no_fault(
    browser: Browser, body: bytes, kind: str | None, status: int
) -> None:
    headers = {"Origin": SITE, "Content-Type": kind or "application/x-www-form-urlencoded"}
    answer = await browser.post("/sign-in", content=body, headers=headers)
    assert answer.status_code == status
    assert "Reload the page" in answer.text


async def test_form_without_end_is_read_no_further_than_a_form_may_be(browser: Browser) -> None:
    sent = 0

    async def without_end() -> Any:
        nonlocal sent
        while sent < 10_000:
            sent += 1
            yield b"a" * 1000

    headers = {"Origin": SITE, "Content-Type": "application/x-www-form-urlencoded"}
    answer = await browser.post("/sign-in", content=without_end(), headers=headers)
    assert answer.status_code == 413
    assert sent < 20


async def test_sign_in_begins_a_new_session_and_ends_the_one_before(
    browser: Browser, app: ASGIApp
) -> None:
    await browser.sign_in("bob")
    before = browser.cookies["gateway-session"]
    await browser.sign_in("ada")
    assert browser.cookies["gateway-session"] != before
    async with Browser(app) as other:
        other.cookies.set("gateway-session", before)
        assert await other.who() is None


async def test_page_of_signing_in_runs_nothing_and_is_framed_by_nobody(browser: Browser) -> None:
    page = (await browser.get("/sign-in")).text
    answer = await browser.submit("/sign-in", page, name='"><script>alert(1)</script>')
    assert "<script" not in answer.text
    assert "&lt;script&gt;" in answer.text
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "frame-ancestors 'none'" in policy


async def test_behind_tls_cookies_are_of_this_host_and_encrypted_only(
    settings: Settings, people: People
) -> None:
    site = "https://console.example.com"
    settings = settings.model_copy(update={"console_url": site})
    async with gated(settings, people) as app, Browser(app, site=site) as browser:
        answer = await browser.sign_in("ada")
        cookies = answer.headers.get_list("set-cookie")
        [cookie] = [one for one in cookies if "session=" in one and "Max-Age" not in one]
        assert cookie.startswith("__Host-gateway-session=")
        assert cookie.endswith("; Path=/; HttpOnly; SameSite=Lax; Secure")
        assert await browser.who() == "ada"
        token = browser.cookies["__Host-gateway-session"]
        async with Browser(app, site=site) as other:
            other.cookies.set("gateway-session", token)  # as somebody on the way could plant one
            assert await other.who() is None
        for origin in ("http://console.example.com", "https://evil.example.com"):
            page = (await browser.get("/sign-in")).text
            answer = await browser.submit("/sign-in", page, origin=origin, name="ada")
            assert answer.status_code == 403


async def test_without_an_address_set_the_browser_says_that_it_is_encrypted(
    app: ASGIApp,
) -> None:
    async with Browser(app, site="https://console") as browser:
        await browser.sign_in("ada")
        assert "__Host-gateway-session" in browser.cookies
        assert await browser.who() == "ada"


async def test_forwarded_scheme_has_no_say(browser: Browser) -> None:
    browser.headers["X-Forwarded-Proto"] = "https"
    await browser.sign_in("ada")
    assert "gateway-session" in browser.cookies


async def test_who_is_not_signed_in_gets_no_page_and_no_socket(browser: Browser) -> None:
    assert (await browser.get("/now")).headers["location"] == "/sign-in?next=%2Fnow"
    assert (await browser.get("/")).headers["location"] == "/sign-in"
    browser.headers["Accept"] = "application/json"
    assert code(await browser.get("/now")) == "unauthorized"
    assert code(await browser.post("/now")) == "unauthorized"
    assert code(await browser.get("/_nicegui/static.js")) == "unauthorized"
    assert code(await browser.get("/problems/../now")) == "unauthorized"
    assert code(await browser.get("/problems/x/now")) == "unauthorized"
    assert (await browser.get("/problems/not_found")).status_code == 200
    assert (await browser.get("/healthz")).status_code == 200


async def test_page_changes_something_by_its_own_posts_only(browser: Browser) -> None:
    await browser.sign_in("bob")
    assert code(await browser.post("/_nicegui/upload")) == "foreign_origin"
    foreign = {"Origin": "http://evil.example.com"}
    assert code(await browser.post("/page", headers=foreign)) == "foreign_origin"
    assert (await browser.post("/page", headers={"Origin": SITE})).status_code == 200


async def test_operator_may_call_v1_from_a_page_with_its_token(browser: Browser) -> None:
    await browser.sign_in("ada")
    token = (await browser.get("/page")).json()["csrf"]
    assert (await browser.get("/v1/dead-letters")).json()["name"] == "ada"
    own = {"Origin": SITE}
    post = browser.post
    assert code(await post("/v1/dead-letters/requeue")) == "foreign_origin"
    assert code(await post("/v1/dead-letters/requeue", headers=own)) == "csrf_token_missing"
    wrong = own | {"X-CSRF-Token": "0" * 64}
    assert code(await post("/v1/dead-letters/requeue", headers=wrong)) == "csrf_token_missing"
    right = {"X-CSRF-Token": token}
    assert code(await post("/v1/dead-letters/requeue", headers=right)) == "foreign_origin"
    answer = await post("/v1/dead-letters/requeue", headers=own | right)
    assert answer.json()["name"] == "ada"


async def test_viewer_may_not_call_v1(browser: Browser) -> None:
    await browser.sign_in("bob")
    assert code(await browser.get("/v1/dead-letters")) == "role_missing"
    assert code(await browser.get("/v1/dead-letters/1?content=true")) == "role_missing"


async def test_key_opens_v1_and_no_page(browser: Browser) -> None:
    for key, expected in ((KEY, 200), (f"{KEY}x", 401), ("", 401)):
        browser.headers["Authorization"] = f"Bearer {key}"
        assert (await browser.post("/v1/dead-letters/requeue")).status_code == expected
    browser.headers["Authorization"] = f"Bearer {KEY}"
    assert (await browser.get("/now")).status_code == 303


async def socket_answer(app: ASGIApp, origin: str | None, cookie: str | None) -> Any:
    """What a WebSocket's upgrade is answered with: the first thing that is sent."""
    headers = [(b"host", b"console")]
    headers += [(b"origin", origin.encode())] if origin else []
    headers += [(b"cookie", f"gateway-session={cookie}".encode())] if cookie else []
    sent: asyncio.Queue[Any] = asyncio.Queue()
    scope = {"type": "websocket", "path": "/_nicegui_ws/socket.io/", "headers": headers}

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    await app(scope | {"query_string": b"", "client": ("192.0.2.1", 1)}, receive, sent.put)
    return await sent.get()


async def test_socket_opens_for_a_page_of_our_own_of_somebody_signed_in(
    browser: Browser, app: ASGIApp
) -> None:
    await browser.sign_in("bob")
    cookie = browser.cookies["gateway-session"]
    assert (await socket_answer(app, SITE, cookie))["type"] == "websocket.accept"
    for origin, brought in (
        (SITE, None),
        (SITE, "wrong"),
        (None, cookie),
        ("null", cookie),
        ("http://evil.example.com", cookie),
    ):
        answer = await socket_answer(app, origin, brought)
        assert (answer["type"], answer["code"]) == ("websocket.close", 1008)


async def test_name_is_tried_in_growing_pauses_also_by_many_at_once(
    app: ASGIApp, people: People
) -> None:
    browsers = [Browser(app, address=f"198.51.100.{number}") for number in range(PARALLEL)]
    answers = await asyncio.gather(*(one.sign_in("ada", "wrong") for one in browsers))
    statuses = [one.status_code for one in answers]
    assert 1 <= statuses.count(403) <= 6
    assert set(statuses) <= {403, 429, 503}
    async with Browser(app) as browser:
        answer = await browser.sign_in("ada")
        assert answer.status_code == 429
        assert int(answer.headers["retry-after"]) >= 1
        assert "Wait" in answer.text


async def test_unknown_name_is_paused_as_a_known_one_is(app: ASGIApp) -> None:
    told: dict[str, list[int]] = {}
    for name in ("ada", "nobody"):
        told[name] = []
        for number in range(7):
            async with Browser(app, address=f"198.51.100.{number}") as browser:
                told[name].append((await browser.sign_in(name, "wrong")).status_code)
    assert told["ada"] == told["nobody"] == [403] * 6 + [429]


async def test_who_always_comes_from_there_is_not_locked_out_by_others(
    browser: Browser, app: ASGIApp
) -> None:
    await browser.sign_in("ada")
    for number in range(8):
        async with Browser(app, address=f"198.51.100.{number}") as other:
            await other.sign_in("ada", "wrong")
    assert (await browser.sign_in("ada")).status_code == 303


async def test_address_that_tries_many_names_is_paused(app: ASGIApp) -> None:
    async with Browser(app) as browser:
        statuses = [
            (await browser.sign_in(f"name-{number}", "wrong")).status_code for number in range(22)
        ]
        assert statuses == [403] * 21 + [429]
        assert (await browser.sign_in_by_key(KEY)).status_code == 429
    async with Browser(app, address="203.0.113.9") as browser:
        browser.headers["X-Forwarded-For"] = "192.0.2.1"  # of nobody we asked
        assert (await browser.sign_in("ada")).status_code == 303


async def test_behind_a_proxy_of_ours_each_client_is_counted_by_itself(
    settings: Settings, people: People
) -> None:
    settings = Settings.model_validate(settings.model_dump() | {"console_proxies": "10.0.0.0/8"})
    async with gated(settings, people) as app, Browser(app, address="10.0.0.1") as browser:
        for number in range(22):
            # The first is what the client itself has written there.
            browser.headers["X-Forwarded-For"] = f"203.0.113.{number}, 198.51.100.7, 10.0.0.2"
            status = (await browser.sign_in(f"name-{number}", "wrong")).status_code
        assert status == 429
        browser.headers["X-Forwarded-For"] = "198.51.100.8"
        assert (await browser.sign_in("ada")).status_code == 303
