"""The API's description of itself: complete, consistent, and without internet."""

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from pydantic import SecretStr, TypeAdapter

from common.http.problems import CATALOGUE
from common.settings import Settings
from gateway_api.app import create_app
from gateway_api.dead_letters.request import DiscardRequest, RequeueRequest, read_body
from gateway_api.documentation import models
from gateway_api.documentation.examples import PROBLEMS
from gateway_api.notifications.validation import validate_notification
from tests.support.api_client import KEY, api

DOCUMENT = create_app(Settings()).openapi()
REFERENCE = "#/components/schemas/"
READERS: dict[str, Callable[[bytes], object]] = {
    "NotificationRequest": validate_notification,
    "RequeueRequest": lambda body: read_body(RequeueRequest, body),
    "DiscardRequest": lambda body: read_body(DiscardRequest, body),
}


def operations() -> Iterator[dict[str, Any]]:
    for methods in DOCUMENT["paths"].values():
        yield from methods.values()


def contents_of_answers() -> Iterator[tuple[str, dict[str, Any]]]:
    """Media type, and schema with examples."""
    for operation in operations():
        for answer in operation["responses"].values():
            yield from answer["content"].items()


def named_in(part: Any) -> set[str]:
    """Models that a part of the document refers to, by themselves or by others."""
    found: set[str] = set()
    waiting = [part]
    while waiting:
        for name in re.findall(rf'"{REFERENCE}([^"]+)"', json.dumps(waiting.pop())):
            if name not in found:
                found.add(name)
                waiting.append(DOCUMENT["components"]["schemas"][name])
    return found


def type_of(schema: dict[str, Any]) -> Any:
    """The type of ours that a schema of an answer refers to."""
    if "anyOf" in schema:
        first, second = map(type_of, schema["anyOf"])
        return first | second
    if schema.get("type") == "array":
        return list[type_of(schema["items"])]  # type: ignore[misc]
    return getattr(models, schema["$ref"].removeprefix(REFERENCE))


async def test_openapi_document_holds_together() -> None:
    async with api() as client:
        document = (await client.get("/openapi.json")).json()

    text = json.dumps(document)
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert "$defs" not in text
    assert named <= set(document["components"]["schemas"])
    post = document["paths"]["/v1/notifications"]["post"]
    assert set(post["responses"]) == {
        *("202", "400", "401", "403", "408", "413", "415", "421", "422", "431", "500", "503")
    }
    assert post["security"] == [{"bearer": []}]
    assert "bearer" in document["components"]["securitySchemes"]
    assert "NotificationRequest" in json.dumps(post["requestBody"])


def test_every_model_is_used_and_ours() -> None:
    assert named_in(DOCUMENT["paths"]) == set(DOCUMENT["components"]["schemas"])
    assert not any("Validation" in name for name in DOCUMENT["components"]["schemas"])


def test_every_operation_has_a_name_to_call_it_by() -> None:
    names = [operation["operationId"] for operation in operations()]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z]+([A-Z][a-z]+)+", name) for name in names)
    assert {"sendNotification", "listDeadLetters", "showDeadLetter"} <= set(names)


def test_every_answer_has_a_schema_and_examples() -> None:
    for media_type, content in contents_of_answers():
        assert media_type in ("application/json", "application/problem+json", "text/plain")
        assert content["schema"]
        assert content.get("examples") or content.get("example")


def test_examples_of_answers_are_what_their_models_say() -> None:
    for media_type, content in contents_of_answers():
        if media_type == "text/plain":
            continue
        model: TypeAdapter[Any] = TypeAdapter(type_of(content["schema"]))
        for example in content["examples"].values():
            model.validate_json(json.dumps(example["value"]), extra="forbid")


def test_examples_of_requests_are_accepted() -> None:
    bodies = [one["requestBody"] for one in operations() if "requestBody" in one]
    for body in bodies:
        content = body["content"]["application/json"]
        read = READERS[content["schema"]["$ref"].removeprefix(REFERENCE)]
        for example in content["examples"].values():
            read(json.dumps(example["value"]).encode())
    assert len(bodies) == len(READERS)


def test_every_problem_has_an_example() -> None:
    assert list(PROBLEMS) == list(CATALOGUE)
    refused = PROBLEMS["partly_accepted"]
    assert [len(refused["accepted"]), len(refused["not_accepted"])] == [2, 1]


def test_arrays_and_objects_that_may_be_left_out_have_defaults() -> None:
    """Generated clients write null for what has none, which is no array."""
    for name in named_in([one.get("requestBody") for one in operations()]):
        schema = DOCUMENT["components"]["schemas"][name]
        for own, field in schema.get("properties", {}).items():
            is_list = field.get("type") in ("array", "object")
            assert not is_list or "default" in field, f"{name}.{own}"


def test_metrics_are_text() -> None:
    answer = DOCUMENT["paths"]["/metrics"]["get"]["responses"]["200"]

    assert list(answer["content"]) == ["text/plain"]


async def test_documentation_page_names_no_other_host() -> None:
    async with api() as client:
        page = (await client.get("/docs")).text
        assets = re.findall(r'(?:src|href)="(/[^"]+)"', page)
        answers = [await client.get(asset) for asset in assets]

    assert "//" not in re.sub(r"(?m)^\s*//.*$|<!--.*?-->", "", page).replace("http://localhost", "")
    assert len(assets) >= 3
    assert [answer.status_code for answer in answers] == [200] * len(assets)


@pytest.mark.parametrize("api_key", [None, SecretStr(KEY)])
async def test_root_leads_to_the_documentation(api_key: SecretStr | None) -> None:
    async with api(Settings(api_key=api_key)) as client:
        answer = await client.get("/", follow_redirects=True)

    assert (answer.status_code, answer.url.path) == (200, "/docs")
