"""What the stand-in APIs answer to calls that nobody can read: a refusal in their own shape."""

import httpx
import pytest

from deploy.sandbox import Sandbox

SEND = "/bot1:sandbox/sendMessage"
VK_SEND = "/method/messages.send"
JSON = {"Content-Type": "application/json"}
DEEP = "[" * 100_000
NOT_UTF_8 = "Bad Request: strings must be encoded in UTF-8"
HALF = '{"chat_id": 42, "text": "\\ud800"}'
FORM = {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.mark.parametrize(
    ("body", "description"),
    [
        (HALF, NOT_UTF_8),
        (
            HALF.replace("\\ud800", "<b>\\ud800</b>").replace("}", ', "parse_mode": "HTML"}'),
            NOT_UTF_8,
        ),
        (HALF.replace("42", '"\\ud800"'), NOT_UTF_8),
        (HALF.replace('"\\ud800"', '{"deeper": "\\ud800"}'), NOT_UTF_8),
        (DEEP, "Bad Request: can't parse request body"),
    ],
)
async def test_body_that_telegram_cannot_read_is_refused_as_it_does(
    sandbox: Sandbox, http: httpx.AsyncClient, body: str, description: str
) -> None:
    answer = await http.post(SEND, content=body, headers=JSON)

    assert answer.status_code == 400
    assert answer.json() == {"ok": False, "error_code": 400, "description": description}
    sent = await http.post(SEND, data={"chat_id": "42", "text": "Hi"})
    assert sent.json()["result"]["message_id"] == 1, "nothing was numbered before"


@pytest.mark.parametrize("media", [DEEP, '[{"media": "a", "caption": "\\ud800"}, {"media": "b"}]'])
async def test_album_that_telegram_cannot_read_is_refused(
    http: httpx.AsyncClient, media: str
) -> None:
    answer = await http.post("/bot1:sandbox/sendMediaGroup", data={"chat_id": "42", "media": media})

    assert answer.status_code == 400
    assert answer.json()["description"] == "Bad Request: can't parse media JSON object"


async def test_endless_token_is_unauthorized(http: httpx.AsyncClient) -> None:
    answer = await http.get(f"/bot{'1' * 5_000}:sandbox/getMe")
    assert (answer.status_code, answer.json()["error_code"]) == (401, 401)


async def test_channel_can_be_told_that_it_moved(http: httpx.AsyncClient) -> None:
    await http.post("/faults", json={"channel": "telegram", "fault": "migrated"})
    answer = await http.post(SEND, data={"chat_id": "@news", "text": "Hi"})

    assert answer.status_code == 400
    assert answer.json()["parameters"]["migrate_to_chat_id"] < -100


async def test_mail_as_a_part_of_a_form_is_a_field_as_any_other(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    parts = (
        '--b\r\nContent-Disposition: form-data; name="chat_id"\r\n\r\n42\r\n'
        '--b\r\nContent-Disposition: form-data; name="text"\r\n'
        "Content-Type: message/rfc822\r\n\r\nSubject: x\r\n\r\nHi\r\n--b--\r\n"
    )
    answer = await http.post(SEND, content=parts, headers=FORM)

    assert answer.status_code == 200
    assert sandbox.inbox.entries()[0].text == "Subject: x\r\n\r\nHi"


@pytest.mark.parametrize("form", ["", "--b", "--b\r\n", "--b\r\n\r\n\r\n--b\r\n: x\r\n\r\n--b--"])
async def test_form_that_cannot_be_read_is_refused(http: httpx.AsyncClient, form: str) -> None:
    answer = await http.post(SEND, content=form, headers=FORM)
    assert (answer.status_code, answer.json()["ok"]) == (400, False)


@pytest.mark.parametrize(
    ("more", "code"),
    [({"keyboard": DEEP}, 911), ({"keyboard": '{"buttons": "\\ud800"}'}, 911)],
)
async def test_keyboard_that_vk_cannot_read_is_refused_as_it_does(
    http: httpx.AsyncClient, more: dict[str, str], code: int
) -> None:
    fields = {"access_token": "t", "v": "5.199", "peer_id": "42", "random_id": "1", "message": "Hi"}
    answer = await http.post(VK_SEND, data=fields | more)

    assert answer.status_code == 200
    assert answer.json()["error"]["error_code"] == code


@pytest.mark.parametrize("body", [DEEP, '{"message": "\\ud800"}'])
async def test_body_that_vk_cannot_read_is_refused_as_it_does(
    http: httpx.AsyncClient, body: str
) -> None:
    answer = await http.post(VK_SEND, content=body, headers=JSON)
    assert (answer.status_code, answer.json()["error"]["error_code"]) == (200, 8)


@pytest.mark.parametrize("accept", ["*/*", "text/html"])
@pytest.mark.parametrize(
    "body",
    [
        '{"channel": "vk", "fault": "flood", "count": NaN}',
        '{"channel": "vk", "fault": "flood", "retry_after_s": Infinity}',
        '{"channel": "\\ud800", "fault": "flood"}',
        '{"channel": "vk", "fault": "\\ud800"}',
        '{"channel": "vk", "fault": "flood", "recipient": "\\ud800"}',
        '{"channel": "vk", "fault": "flood", "recipient": [[[NaN]]]}',
        '{"channel": "vk", "fault": "flood", "\\ud800": 1}',
        DEEP,
    ],
)
async def test_fault_that_cannot_be_read_is_refused(
    http: httpx.AsyncClient, body: str, accept: str
) -> None:
    answer = await http.post("/faults", content=body, headers=JSON | {"Accept": accept})

    assert answer.status_code in (400, 422)
    assert (await http.get("/faults")).json()["pending"] == []
