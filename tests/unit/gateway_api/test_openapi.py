"""The API's description of itself: complete, consistent, and without internet."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import pytest
from fastapi import FastAPI
from pydantic import BaseModel, SecretStr, TypeAdapter

import console.app
import console.documentation.examples
import console.documentation.models
import gateway_api.app
import gateway_api.documentation.examples
import gateway_api.documentation.models
from common.http.catalogue import catalogue_of
from common.http.documentation import models as shared
from common.http.validation import read_body
from common.settings import Settings
from console.dead_letters.request import ArchiveRequest, DiscardRequest, RequeueRequest
from gateway_api.notifications.validation import validate_notification
from gateway_api.updates.tokens import TokenRequest
from tests.support.clients.api_client import KEY, api

REFERENCE = "#/components/schemas/"
WITHOUT_BODY = ("304",)
Read = Callable[[bytes], object]


def reads(model: type[BaseModel]) -> Read:
    return lambda body: read_body(model, body)


@dataclass(frozen=True)
class Described:
    """One application, and the code that its document tells of; readers: model → reads a body."""

    process: str
    app: FastAPI
    models: ModuleType
    problems: Mapping[str, Any]
    readers: Mapping[str, Read]

    @property
    def document(self) -> dict[str, Any]:
        return self.app.openapi()

    def operations(self) -> Iterator[dict[str, Any]]:
        for methods in self.document["paths"].values():
            yield from methods.values()

    def contents_of_answers(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Media type, and schema with examples."""
        for operation in self.operations():
            for status, answer in operation["responses"].items():
                assert "content" in answer or status in WITHOUT_BODY
                yield from answer.get("content", {}).items()

    def named_in(self, part: Any) -> set[str]:
        """Models that a part of the document refers to, by themselves or by others."""
        found: set[str] = set()
        waiting = [part]
        while waiting:
            for name in re.findall(rf'"{REFERENCE}([^"]+)"', json.dumps(waiting.pop())):
                if name not in found:
                    found.add(name)
                    waiting.append(self.document["components"]["schemas"][name])
        return found

    def type_of(self, schema: dict[str, Any]) -> Any:
        """The type of ours that a schema of an answer refers to."""
        if "anyOf" in schema:
            first, second = map(self.type_of, schema["anyOf"])
            return first | second
        if schema.get("type") == "array":
            return list[self.type_of(schema["items"])]  # type: ignore[misc]
        name = schema["$ref"].removeprefix(REFERENCE)
        return getattr(self.models, name, None) or getattr(shared, name)


API = Described(
    "api",
    gateway_api.app.create_app(Settings()),
    gateway_api.documentation.models,
    gateway_api.documentation.examples.PROBLEMS,
    {"NotificationRequest": validate_notification, "TokenRequest": reads(TokenRequest)},
)
CONSOLE = Described(
    "console",
    console.app.create_app(Settings()),
    console.documentation.models,
    console.documentation.examples.PROBLEMS,
    {
        **{one.__name__: reads(one) for one in (ArchiveRequest, DiscardRequest, RequeueRequest)},
        "Draft": validate_notification,
    },
)
each_app = pytest.mark.parametrize("one", [API, CONSOLE], ids=lambda one: one.process)


async def test_openapi_document_holds_together() -> None:
    async with api() as client:
        document = (await client.get("/openapi.json")).json()

    text = json.dumps(document)
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert "$defs" not in text
    assert named <= set(document["components"]["schemas"])
    post = document["paths"]["/v1/notifications"]["post"]
    assert set(post["responses"]) == {
        *(
            "202",
            "400",
            "401",
            "403",
            "408",
            "409",
            "413",
            "415",
            "421",
            "422",
            "429",
            "431",
            "500",
        ),
        "503",
    }
    assert post["security"] == [{"bearer": []}]
    assert "bearer" in document["components"]["securitySchemes"]
    assert "NotificationRequest" in json.dumps(post["requestBody"])


@each_app
def test_every_model_is_used_and_ours(one: Described) -> None:
    assert one.named_in(one.document["paths"]) == set(one.document["components"]["schemas"])
    assert not any("Validation" in name for name in one.document["components"]["schemas"])


@each_app
def test_every_operation_has_a_name_to_call_it_by(one: Described) -> None:
    names = [operation["operationId"] for operation in one.operations()]

    assert len(set(names)) == len(names)
    assert all(re.fullmatch("[a-z]+([A-Z][a-z]+)+", name) for name in names)


@each_app
def test_every_answer_has_a_schema_and_examples(one: Described) -> None:
    for media_type, content in one.contents_of_answers():
        assert media_type in (
            *("application/json", "application/problem+json", "text/plain"),
            *("application/x-ndjson", "text/event-stream"),
        )
        assert content.get("schema") or content["itemSchema"]
        assert content.get("examples") or content.get("example")


@each_app
def test_examples_of_answers_are_what_their_models_say(one: Described) -> None:
    for media_type, content in one.contents_of_answers():
        if media_type in ("text/plain", "application/x-ndjson", "text/event-stream"):
            continue
        model: TypeAdapter[Any] = TypeAdapter(one.type_of(content["schema"]))
        for example in content["examples"].values():
            model.validate_json(json.dumps(example["value"]), extra="forbid")


@each_app
def test_examples_of_requests_are_accepted(one: Described) -> None:
    bodies = [each["requestBody"] for each in one.operations() if "requestBody" in each]
    for body in bodies:
        content = body["content"]["application/json"]
        read = one.readers[content["schema"]["$ref"].removeprefix(REFERENCE)]
        for example in content["examples"].values():
            read(json.dumps(example["value"]).encode())
    assert len(bodies) == len(one.readers)


@each_app
def test_every_problem_has_an_example(one: Described) -> None:
    assert list(one.problems) == list(catalogue_of(one.process))


def test_example_of_a_partly_accepted_notification_names_each_part() -> None:
    refused = API.problems["partly_accepted"]
    assert [len(refused["accepted"]), len(refused["not_accepted"])] == [2, 1]


@each_app
def test_arrays_and_objects_that_may_be_left_out_have_defaults(one: Described) -> None:
    """Generated clients write null for what has none, which is no array."""
    for name in one.named_in([each.get("requestBody") for each in one.operations()]):
        schema = one.document["components"]["schemas"][name]
        for own, field in schema.get("properties", {}).items():
            is_list = field.get("type") in ("array", "object")
            assert not is_list or "default" in field, f"{name}.{own}"


@each_app
def test_metrics_are_text(one: Described) -> None:
    answer = one.document["paths"]["/metrics"]["get"]["responses"]["200"]

    assert list(answer["content"]) == ["text/plain"]


def test_example_of_a_stream_tells_a_fact_as_its_model_says() -> None:
    content = dict(API.contents_of_answers())["text/event-stream"]
    told = content["example"].partition("data: ")[2]
    gateway_api.documentation.models.Fact.model_validate_json(told, extra="forbid")


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
