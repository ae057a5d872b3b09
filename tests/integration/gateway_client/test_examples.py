"""What docs/client.md shows runs as it stands."""

import ast
import base64
import hashlib
import hmac
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

import gateway_client
from deploy.local.node import Node
from tests.support.polling import until
from tests.support.processes.running import Gateway, running_gateway

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "client.md").read_text()
SCRIPT, FASTAPI, DJANGO = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
KEY = "a-key-of-16-characters"
SECRET = base64.b64encode(b"a secret of 24 bytes now").decode()


@pytest.fixture(scope="module")
def gateway(broker: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with running_gateway(broker, tmp_path_factory.mktemp("gateway"), api_key=KEY) as gateway:
        yield gateway


def known(gateway: Gateway) -> dict[str, str]:
    url = str(gateway.api.base_url).rstrip("/")
    return {"GATEWAY": url, "KEY": KEY, "SECRETS": f"whsec_{SECRET}"}


def test_script_sends_and_follows_to_the_end(gateway: Gateway) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env=os.environ | known(gateway),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "telegram:42 queued \ntelegram:42 sent ok\n"


def test_script_says_in_a_sentence_what_is_wrong() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT.replace('KEY")', 'KEY"), most_tries=1')],
        env=os.environ | {"GATEWAY": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    sentence = "no gateway answers at http://127.0.0.1:1: start it, or correct the address\n"
    assert done.stderr == sentence


async def test_fastapi_service_sends_hands_out_tokens_and_is_called_back(
    gateway: Gateway, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name, value in known(gateway).items():
        monkeypatch.setenv(name, value)
    (tmp_path / "shop.py").write_text(FASTAPI)
    monkeypatch.syspath_prepend(str(tmp_path))
    app: FastAPI = import_module("shop").app
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://shop") as shop,
    ):
        answer = await shop.post("/orders/7/shipped", params={"email": "ada@example.com"})
        token = await shop.get("/orders/7/live-token")
        signed = await shop.post("/callbacks", content=b"{}", headers=signed_headers(b"{}"))
        forged = await shop.post("/callbacks", content=b"[]", headers=signed_headers(b"{}"))
    assert answer.json()["notification"]
    assert token.json()["token"].startswith("ey")
    assert (signed.status_code, signed.json()) == (200, {"heard": "msg_1"})
    assert forged.status_code == 400
    until(lambda: gateway.inbox(recipient="ada@example.com"))


def signed_headers(body: bytes) -> dict[str, str]:
    at = str(int(time.time()))
    signed = f"msg_1.{at}.".encode() + body
    proof = hmac.digest(base64.b64decode(SECRET), signed, hashlib.sha256)
    return {
        "webhook-id": "msg_1",
        "webhook-timestamp": at,
        "webhook-signature": f"v1,{base64.b64encode(proof).decode()}",
    }


def test_django_view_names_what_there_is() -> None:
    imported = {
        alias.name
        for node in ast.walk(ast.parse(DJANGO))
        if isinstance(node, ast.ImportFrom) and node.module == "gateway_client"
        for alias in node.names
    }
    assert imported
    assert imported <= set(gateway_client.__all__)
