"""The stand-in receiver of webhooks: what it takes, whose signature that has, and how it fails."""

import time

import httpx
import pytest

from common.webhooks.signing import OWNER_HEADER, derive_key, read_secret, signed_headers
from deploy.local.stack import SANDBOX_ROOT_SECRET, SANDBOX_SECRET
from deploy.sandbox import Sandbox

KEY = read_secret(SANDBOX_SECRET)
BODY = b'{"type": "notification", "subject": "Order 7", "text": "It is on its way."}'


def signed(key: bytes = KEY, age_s: int = 0) -> dict[str, str]:
    return signed_headers("0198f3a4-1", int(time.time()) - age_s, BODY, [key])


@pytest.mark.parametrize(
    ("headers", "signature"),
    [
        (signed_headers("0198f3a4-1", 1, BODY, [KEY]), "invalid"),
        ({}, "unsigned"),
        ({"webhook-signature": "v1,AAAA"}, "invalid"),
    ],
)
async def test_signature_that_proves_nothing_is_shown(
    http: httpx.AsyncClient, headers: dict[str, str], signature: str
) -> None:
    answer = await http.post("/webhook/orders", content=BODY, headers=headers)
    assert answer.status_code == 200

    [entry] = (await http.get("/inbox.json?channel=webhook")).json()["entries"]
    assert entry["signature"] == signature
    assert f"{signature}: " in (await http.get("/inbox/1")).text
    calls = (await http.get("/inbox/1?view=attempts")).text
    assert f"signature {signature}" in calls


async def test_callback_is_shown_with_its_signature(
    sandbox: Sandbox, http: httpx.AsyncClient
) -> None:
    for _ in range(2):
        await http.post("/webhook/orders?shop=7", content=BODY, headers=signed())
    await http.post("/webhook/orders?shop=7", content=BODY, headers=signed(b"another key" * 3))

    found = (await http.get("/inbox.json")).json()
    first = found["entries"][0]
    assert first["recipient"] == f"{sandbox.http_url}/webhook/orders?shop=7"
    assert (first["subject"], first["text"]) == ("Order 7", "It is on its way.")
    assert first["delivery_id"] == first["provider_id"] == "0198f3a4-1"
    assert [one["signature"] for one in found["entries"]] == ["valid", "valid", "invalid"]
    assert found["duplicates"] == 2
    page = (await http.get("/inbox/1")).text
    assert '<bdi>Signature</bdi></th><td dir="auto"><strong>valid: ' in page


@pytest.mark.parametrize(("owner", "signature"), [("k_own", "valid"), ("k_other", "invalid")])
async def test_what_an_api_key_owns_is_checked_with_the_secret_of_that_key(
    http: httpx.AsyncClient, owner: str, signature: str
) -> None:
    key = derive_key(SANDBOX_ROOT_SECRET, "k_own", 2)
    await http.post("/webhook/orders", content=BODY, headers=signed(key) | {OWNER_HEADER: owner})
    [entry] = (await http.get("/inbox.json")).json()["entries"]
    assert entry["signature"] == signature


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff\x00", b'{"text": 7}', b"[" * 100_000])
async def test_any_bytes_are_a_callback(http: httpx.AsyncClient, body: bytes) -> None:
    assert (await http.post("/webhook/a", content=body)).status_code == 200
    assert (await http.get("/inbox/1")).status_code == 200
    [entry] = (await http.get("/inbox.json")).json()["entries"]
    assert entry["text"] == body.decode(errors="replace")


async def test_faults_say_what_a_receiver_says(http: httpx.AsyncClient) -> None:
    busy = await http.post("/webhook/busy/1", content=BODY)
    moved = await http.post("/webhook/moved", content=BODY)
    assert (busy.status_code, busy.headers["retry-after"]) == (429, "2")
    assert (moved.status_code, moved.headers["location"]) == (302, "/webhook/elsewhere")
    assert (await http.post("/webhook/gone", content=BODY)).status_code == 410
    assert (await http.post("/webhook/gone-not", content=BODY)).status_code == 200
    wanted = {"channel": "webhook", "fault": "busy", "retry_after_s": 7}
    assert (await http.post("/faults", json=wanted)).status_code == 201
    asked = await http.post("/webhook/orders", content=BODY)
    assert (asked.status_code, asked.headers["retry-after"]) == (503, "7")
    refused = (await http.get("/inbox.json")).json()["refused"]
    assert [one["code"] for one in refused] == ["429", "302", "410", "503"]
