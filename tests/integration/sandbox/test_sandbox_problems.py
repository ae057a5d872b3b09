"""What the sandbox answers where there is nothing: a page to a browser, JSON to others."""

import httpx
import pytest

from deploy.sandbox import Sandbox

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


MISSING = [
    ("GET", "/inbox/7", 404, "There is no message 7 in the inbox."),
    ("GET", "/attempts/7", 404, "There is no attempt 7 in the inbox."),
    ("GET", "/inbox/x", 404, "There is nothing at /inbox/x."),
    ("GET", "/no<b>where", 404, "There is nothing at /no<b>where."),
    ("PUT", "/inbox", 405, "/inbox cannot be asked with PUT."),
]


@pytest.mark.parametrize(("method", "path", "status", "words"), MISSING)
async def test_error_is_a_page_to_a_browser_and_json_to_others(
    http: httpx.AsyncClient, method: str, path: str, status: int, words: str
) -> None:
    page = await http.request(method, path, headers=BROWSER)
    other = await http.request(method, path)

    assert (page.status_code, other.status_code) == (status, status)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert words.replace("<", "&lt;").replace(">", "&gt;") in page.text
    assert '<a href="/inbox">' in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert other.json() == {"detail": words}
    assert page.headers.get("allow") == other.headers.get("allow")


async def test_failure_of_our_own_is_a_page_too(
    sandbox: Sandbox, http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sandbox.inbox, "threads", None)

    page = await http.get("/", headers=BROWSER)
    assert page.status_code == 500
    assert "The sandbox failed at / and goes on" in page.text
    assert (await http.get("/")).json()["detail"].startswith("The sandbox failed")


@pytest.mark.parametrize("path", ["/inbox.json", "/", "/bot1:sandbox/getMe"])
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.com"}, 421),
        ({"Host": "localhost.evil.com:80"}, 421),
        ({"Origin": "http://evil.com"}, 403),
        ({"Host": "localhost:1"}, 200),
        ({"Host": "[::1]"}, 200),
    ],
)
async def test_page_from_elsewhere_cannot_read_the_inbox(
    http: httpx.AsyncClient, path: str, headers: dict[str, str], status: int
) -> None:
    answer = await http.get(path, headers=headers)

    assert answer.status_code == status
    if status != 200:
        assert "only localhost and 127.0.0.1 are answered here" in answer.json()["detail"]


async def test_sandbox_for_other_machines_has_any_name() -> None:
    async with Sandbox.running("0.0.0.0") as running, httpx.AsyncClient() as client:
        url = f"http://127.0.0.1:{running.http_port}/inbox.json"
        assert (await client.get(url, headers={"Host": "providers:8025"})).status_code == 200
