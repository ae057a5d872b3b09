"""Clients that generators make of /openapi.json send what the API accepts, and read its answers."""

import asyncio
import importlib
import json
import os
import sys
from asyncio.subprocess import DEVNULL
from collections.abc import Iterator
from pathlib import Path
from subprocess import PIPE, STDOUT, run
from typing import Any

import pytest

from deploy.local.node import Node
from tests.integration.gateway_api.test_api import api, taken, until_ready
from tests.support import clients
from tests.support.clients.console_client import console
from tests.support.processes.telling import KEY, Telling, telling

MODULE = "generated_gateway_client"
GENERATOR = Path(clients.__file__).with_name("openapi_client.txt")
USING = GENERATOR.with_name("using_generated.py")


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
    async with asyncio.timeout(100):
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


@pytest.fixture
def told(broker: Node, tmp_path: Path) -> Iterator[Telling]:
    with telling(broker, tmp_path, "generated-client") as running:
        yield running


def test_client_of_openapi_python_client_sends_and_reads(told: Telling, tmp_path: Path) -> None:
    """Made and used by processes of their own; it takes some seconds, as pip installs it first."""
    (tmp_path / "openapi.json").write_bytes(told.api.get("/openapi.json").content)
    python = [sys.executable, "-m"]
    to = ["--disable-pip-version-check", "--quiet", "--no-deps", "--target", "generator"]
    ran([*python, "pip", "install", *to, "-r", str(GENERATOR)], tmp_path)
    made = ["--path", "openapi.json", "--meta", "none", "--output-path", "made"]
    words = [*python, "openapi_python_client", "generate", *made, "--fail-on-warning"]
    ran(words, tmp_path, str(tmp_path / "generator"))
    use = [sys.executable, str(USING), str(told.api.base_url), KEY]

    found = json.loads(ran(use, tmp_path, str(tmp_path)))

    to_both = ["telegram:42", "vk:123"]
    identifier = found["accepted"][0]
    assert found == {
        "accepted": [identifier, to_both],
        "again": identifier,
        "status": [identifier, "queued", to_both],
        "page": [identifier],
        "refused": ["invalid_request", "/to"],
    }


def ran(words: list[str], directory: Path, path: str = "") -> str:
    """What a command printed; path: where it imports from beside the environment."""
    programs = f"{Path(sys.executable).parent}:{os.environ['PATH']}"  # it calls ruff
    env = os.environ | {"PATH": programs, "PYTHONPATH": path}
    done = run(words, cwd=directory, env=env, stdout=PIPE, stderr=STDOUT, text=True, timeout=240)
    assert done.returncode == 0, done.stdout
    return done.stdout
