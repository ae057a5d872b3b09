"""The application without sockets: a client, and a broker that does as it is told."""

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import httpx

from common.broker.connection import Broker
from common.broker.errors import NotConnected, PublishError
from common.broker.publisher import Publisher
from common.envelope import Delivery
from common.http.catalogue import CATALOGUE
from common.settings import Settings
from gateway_api.app import create_app
from gateway_api.documentation.models import ProblemDocument

KEY = "a-key-of-16-characters"
NOTIFICATION = {"to": "telegram:42", "text": "world"}
JSON_TYPE = {"Content-Type": "application/json"}


@dataclass(frozen=True)
class Published:
    """One confirmed publish."""

    exchange: str
    routing_key: str
    message_id: str
    mandatory: bool
    delivery: Delivery


class FakeBroker(Broker):
    """Stands in for the broker where only the decisions around it are tested.

    errors: address of a delivery → what its publish raises; lacking: names it does not have.
    """

    def __init__(self) -> None:
        super().__init__("amqp://nowhere", name="fake")
        self.is_up = True
        self.errors: dict[str, PublishError] = {}
        self.lacking: list[str] = []
        self.published: list[Published] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        pass

    @property
    def is_connected(self) -> bool:
        return self.is_up

    async def publish(
        self,
        exchange: str,
        routing_key: str,
        body: bytes,
        *,
        message_id: str,
        headers: Mapping[str, int | str] | None = None,
        mandatory: bool = True,
        timeout_s: float | None = None,
        expires_ms: int | None = None,
    ) -> None:
        if expires_ms is not None:
            return  # no delivery: the process tells that it lives
        delivery = Delivery.decode(body)
        if delivery.address in self.errors:
            raise self.errors[delivery.address]
        self.published.append(Published(exchange, routing_key, message_id, mandatory, delivery))

    async def missing(self, *, exchanges: Iterable[str], queues: Iterable[str]) -> list[str]:
        if not self.is_up:
            raise NotConnected("there is no connection to the broker now")
        return self.lacking


class FakePublisher(Publisher):
    """Hands what is published to the fake broker."""

    def __init__(self, broker: FakeBroker) -> None:
        super().__init__(broker)
        self.publish = broker.publish  # type: ignore[method-assign]


@asynccontextmanager
async def api(
    settings: Settings | None = None, broker: FakeBroker | None = None
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a running application, without sockets."""
    broker = broker or FakeBroker()
    app = create_app(settings or Settings(), broker, FakePublisher(broker))
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
    ):
        yield client


def assert_problem(answer: httpx.Response, code: str) -> dict[str, Any]:
    """The members of a well-formed problem document with this code."""
    document: dict[str, Any] = answer.json()
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert document["code"] == code
    assert document["status"] == answer.status_code == CATALOGUE[code].status
    assert document["type"] == f"/problems/{code}"
    ProblemDocument.model_validate_json(answer.content, extra="forbid")
    assert (answer.headers.get("Retry-After") == "5") is (answer.status_code == 503)
    return document
