"""A client that a generator makes of /openapi.json sends what the API accepts."""

import asyncio
import importlib
import sys
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.gateway_api.test_api import api, taken, until_ready
from tests.support.clients.console_client import console

MODULE = "generated_gateway_client"


@pytest.fixture
def importable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A directory from which this test may import; what it imported is forgotten."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    sys.modules.pop(MODULE, None)


async def generate(document: bytes, directory: Path) -> Any:
    """The module of models that datamodel-code-generator makes of an OpenAPI document."""
    (directory / "openapi.json").write_bytes(document)
    generator = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "datamodel_code_generator"),
        *("--input", "openapi.json", "--input-file-type", "openapi", "--output", f"{MODULE}.py"),
        *("--output-model-type", "pydantic_v2.BaseModel", "--formatters", "builtin"),
        "--set-default-enum-member",
        cwd=directory,
        stdout=DEVNULL,
        stderr=PIPE,
    )
    async with asyncio.timeout(60):
        _, errors = await generator.communicate()
    assert generator.returncode == 0, errors.decode()
    return importlib.import_module(MODULE)


async def test_generated_client_sends_and_reads_the_answer(
    gateway_url: str, importable: Path
) -> None:
    async with api(gateway_url) as client:
        await until_ready(client)
        made = await generate((await client.get("/openapi.json")).content, importable)
        notification = made.NotificationRequest(
            to=["email:ada@example.com", "telegram:@news"],
            subject="Hello",
            text="world",
            email=made.EmailOptions(from_name="Orders"),  # with every default that it has
            telegram=made.TelegramOptions(),
        )
        answer = await client.post(
            "/v1/notifications",
            content=notification.model_dump_json(by_alias=True),
            headers={"Content-Type": "application/json"},
        )

    assert answer.status_code == 202, answer.text
    accepted = made.Accepted.model_validate_json(answer.content)
    assert [one.to for one in accepted.deliveries] == notification.to
    assert taken(gateway_url, "email.normal")[1].notification_id == accepted.id
    assert taken(gateway_url, "telegram.normal")[1].address == "@news"


async def test_generated_client_reads_a_refusal(gateway_url: str, importable: Path) -> None:
    async with console(gateway_url) as client:
        made = await generate((await client.get("/openapi.json")).content, importable)
        order = made.RequeueRequest(ids=["1", "2"], redirect="bob@example.com")
        answer = await client.post(
            "/v1/dead-letters/requeue",
            content=order.model_dump_json(by_alias=True),
            headers={"Content-Type": "application/json"},
        )

    problem = made.ProblemDocument.model_validate_json(answer.content)
    assert (problem.code, problem.status) == ("invalid_request", 422)
    assert problem.errors[0].message == "redirect goes with exactly one id"
