"""The stand-in VK API, driven by vk_api through an adapter that rewrites its fixed address."""

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
import requests
import requests.adapters
import vk_api
from fastapi import FastAPI, Request, Response
from jconfig import MemoryConfig  # type: ignore[import-untyped, unused-ignore]

from common.channels import Channel
from deploy.sandbox import Sandbox
from deploy.sandbox.inbox.store import Inbox
from deploy.sandbox.rules import Faults
from deploy.sandbox.vk.api import RANDOM_ID_MEMORY_S, VkApi

REAL = "https://api.vk.ru"


class _ToSandbox(requests.adapters.HTTPAdapter):
    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        assert request.url is not None
        request.url = request.url.replace(REAL, self._url)
        return super().send(request, timeout=1.5)


@pytest.fixture
def session(sandbox: Sandbox) -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.mount(REAL, _ToSandbox(sandbox.http_url))
        yield session


async def _call(session: requests.Session, method: str, **values: Any) -> Any:
    """Call as the real client does, in a thread; its own handlers for codes 6 and 14 are off."""
    api = vk_api.VkApi(token="t", session=session, config=MemoryConfig, api_version="5.199")
    api.RPS_DELAY = 0
    api.error_handlers.clear()
    return await asyncio.to_thread(api.method, method, values)


async def _outcome(session: requests.Session, peer_id: int, random_id: int) -> int | str:
    """Return the message id as a text, an error's code as a number, or what broke."""
    try:
        sent = await _call(
            session, "messages.send", peer_id=peer_id, random_id=random_id, message="Hi"
        )
    except vk_api.ApiError as error:
        return int(error.code)
    except vk_api.ApiHttpError as error:
        return int(error.response.status_code)
    except requests.Timeout:
        return "timeout"
    except requests.ConnectionError:
        return "reset"
    return str(sent)


async def test_accepted_message_is_in_the_inbox(
    sandbox: Sandbox, session: requests.Session
) -> None:
    keyboard = '{"inline": true, "buttons": []}'
    sent = await _call(
        session, "messages.send", peer_id=123, random_id=7, message="Привет", keyboard=keyboard
    )

    (entry,) = sandbox.inbox.entries("vk", "123")
    assert (entry.text, entry.provider_id, entry.delivery_id) == ("Привет", str(sent), None)
    assert entry.params == {"random_id": "7", "keyboard": keyboard}


async def test_repeated_random_id_is_refused_for_its_peer_alone(
    sandbox: Sandbox, session: requests.Session
) -> None:
    first = await _outcome(session, 123, 7)
    assert await _outcome(session, 123, 7) == first
    assert await _outcome(session, 124, 7) != first

    assert len(sandbox.inbox.entries("vk", "123")) == 1
    assert sandbox.inbox.refused_duplicates == 1
    assert sandbox.inbox.duplicates == 0


async def test_same_text_under_another_random_id_is_a_duplicate(
    sandbox: Sandbox, session: requests.Session
) -> None:
    assert await _outcome(session, 123, 7) != await _outcome(session, 123, 8)
    assert sandbox.inbox.duplicates == 1


async def test_random_id_is_forgotten_after_an_hour() -> None:
    now_s = 0.0
    inbox = Inbox()
    api = VkApi(inbox, Faults(), drop=lambda request: None, clock=lambda: now_s)
    app = FastAPI()

    @app.post("/method/{method}")
    async def answer(request: Request, method: str) -> Response:
        return await api.answer(request, method)

    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://vk.test"
    ) as http:
        fields = {"access_token": "t", "v": "5.199", "peer_id": 1, "random_id": 7, "message": "Hi"}
        for now_s in (0.0, RANDOM_ID_MEMORY_S - 1, RANDOM_ID_MEMORY_S + 1):  # noqa: B007
            await http.post("/method/messages.send", data=fields)

    assert [one.verdict for one in inbox.attempts()] == ["accepted", "duplicate", "accepted"]


async def test_peer_ids_are_answered_one_by_one(
    sandbox: Sandbox, session: requests.Session
) -> None:
    ok, blocked = await _call(
        session, "messages.send", peer_ids="123,900001000", random_id=7, message="Hi"
    )

    assert (ok["peer_id"], ok["message_id"] > 0) == (123, True)
    assert blocked["message_id"] == 0
    assert blocked["error"]["code"] == 901
    assert [entry.recipient for entry in sandbox.inbox.entries("vk")] == ["123"]


@pytest.mark.parametrize(
    ("method", "values", "code"),
    [
        ("messages.send", {"access_token": "bad"}, 5),
        ("messages.send", {"access_token": ""}, 5),
        ("messages.send", {"v": ""}, 8),
        ("messages.nothing", {}, 3),
        ("messages.send", {"random_id": 1, "message": "Hi"}, 100),
        ("messages.send", {"peer_id": "ada", "random_id": 1, "message": "Hi"}, 100),
        ("messages.send", {"peer_id": 1, "message": "Hi"}, 100),
        ("messages.send", {"peer_id": 1, "random_id": 2**31, "message": "Hi"}, 100),
        ("messages.send", {"peer_id": 1, "random_id": 1, "message": " "}, 100),
        ("messages.send", {"peer_id": 1, "random_id": 1, "message": "я" * 4097}, 914),
        ("messages.send", {"peer_id": 1, "random_id": 1, "message": "a", "keyboard": "{"}, 911),
        ("messages.send", {"peer_id": 1, "random_id": 1, "message": "a", "keyboard": "[]"}, 911),
    ],
)
async def test_wrong_call_is_refused_with_vks_code(
    sandbox: Sandbox, session: requests.Session, method: str, values: dict[str, Any], code: int
) -> None:
    with pytest.raises(vk_api.ApiError) as refused:
        await _call(session, method, **values)
    assert refused.value.code == code
    assert sandbox.inbox.entries() == []


async def test_error_is_http_200_and_keeps_the_token_to_itself(sandbox: Sandbox) -> None:
    async with httpx.AsyncClient(base_url=sandbox.http_url) as http:
        fields = {"access_token": "secret", "v": "5.199", "peer_id": "900001000"}
        fields |= {"random_id": "1", "message": "Hi"}
        answer = await http.post("/method/messages.send", data=fields)

    assert answer.status_code == 200
    error = answer.json()["error"]
    assert error["error_code"] == 901
    assert {"key": "peer_id", "value": "900001000"} in error["request_params"]
    assert "secret" not in answer.text


async def test_group_and_users_are_known(session: requests.Session) -> None:
    groups = await _call(session, "groups.getById")
    users = await _call(session, "users.get", user_ids="1,2")
    assert groups["groups"][0]["name"] == "Sandbox"
    assert [user["id"] for user in users] == [1, 2]


@pytest.mark.parametrize(
    ("peer_id", "outcomes", "accepted"),
    [
        (900001000, [901, 901], 0),
        (900002999, [18, 18], 0),
        (900003000, [6, "1"], 1),
        (900004000, [10, 10, "1"], 1),
        (900005000, ["reset", "1"], 1),
        (900006000, ["reset", "1"], 1),
        (900007000, [9, 9], 0),
        (900000999, ["1"], 1),
    ],
)
async def test_peer_in_a_magic_range_fails_as_the_table_says(
    sandbox: Sandbox,
    session: requests.Session,
    peer_id: int,
    outcomes: list[int | str],
    accepted: int,
) -> None:
    assert [await _outcome(session, peer_id, 7) for _ in outcomes] == outcomes
    assert len(sandbox.inbox.entries("vk", str(peer_id))) == accepted
    assert len(sandbox.inbox.attempts("vk", str(peer_id))) == len(outcomes)


@pytest.mark.parametrize(
    ("fault", "outcome"),
    [
        ("rate_limit", 6),
        ("flood", 9),
        ("server_error", 10),
        ("refuse", 105),
        ("bounce", 18),
        ("blocked", 901),
        ("bad_auth", 5),
        ("captcha", 14),
        ("html_body", 502),
        ("reset_before", "reset"),
        ("accept_then_reset", "reset"),
        ("accept_then_hang", "timeout"),
    ],
)
async def test_next_two_fail_with_the_fault(
    sandbox: Sandbox, session: requests.Session, fault: str, outcome: int | str
) -> None:
    sandbox.faults.fail_next(Channel.VK, fault, count=2)
    met = [await _outcome(session, 123, 7) for _ in range(3)]
    assert met == [outcome, outcome, "1"]
    assert len(sandbox.inbox.entries("vk", "123")) == 1


async def test_slow_peer_accepts_though_the_client_gave_up(
    sandbox: Sandbox, session: requests.Session
) -> None:
    assert await _outcome(session, 900008000, 7) == "timeout"
    await sandbox.inbox.wait_for(1, "vk", "900008000", timeout_s=30)
