"""What the client makes of each answer, and what it does again: without sockets."""

import inspect
import json
import typing
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

import gateway_client
from gateway_api.notifications import options
from gateway_api.notifications.request import NotificationRequest
from gateway_api.updates.listing import ListQuery
from gateway_client import (
    AsyncGateway,
    Gateway,
    InvalidRequest,
    NotAllowed,
    NotFound,
    Notification,
    PartlyAccepted,
    Refused,
    Unavailable,
    UnexpectedAnswer,
    Unreachable,
    fields,
    watching,
)
from gateway_client.problems import refused
from gateway_client.repeating import Close, Pause, pause_after

ACCEPTED = {
    "id": "n",
    "status": "queued",
    "deliveries": [{"id": "n-1", "to": "vk:1", "status": "queued", "href": "/v1/notifications/n"}],
}
UNKNOWN_KEY = {
    "code": "invalid_request",
    "detail": "the header Idempotency-Key is not known yet: leave it out",
    "errors": [],
}


def problem(status: int, code: str, retry_after: str | None = None, **more: Any) -> httpx.Response:
    headers = {"Retry-After": retry_after} if retry_after else {}
    return httpx.Response(
        status, json={"code": code, "detail": f"it is {code}"} | more, headers=headers
    )


class Script:
    """Answers one request after another, and keeps what was asked."""

    def __init__(self, *answers: httpx.Response | Exception) -> None:
        self.answers = list(answers)
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    @property
    def keys(self) -> list[str | None]:
        return [request.headers.get("Idempotency-Key") for request in self.requests]


def gateway(script: Script, **more: Any) -> Gateway:
    http = httpx.Client(transport=httpx.MockTransport(script))
    return Gateway("http://gateway.example/base/", "a-key", http=http, **more)


def ok(document: Mapping[str, Any], status: int = 200, **headers: str) -> httpx.Response:
    return httpx.Response(status, json=document, headers=headers)


ONCE = [ok(ACCEPTED, 202)]
QUICK = "0"


def test_send_posts_every_field_as_it_was_given() -> None:
    script = Script(*ONCE)
    accepted = gateway(script).send(
        ["vk:1"], text="hi", subject=None, vk={"dont_parse_links": True}, tags=("a",)
    )
    [request] = script.requests
    assert (accepted.id, accepted.deliveries[0].to, accepted.seq) == ("n", "vk:1", None)
    assert str(request.url) == "http://gateway.example/base/v1/notifications"
    assert request.headers["Authorization"] == "Bearer a-key"
    assert json.loads(request.content) == {
        "to": ["vk:1"],
        "text": "hi",
        "vk": {"dont_parse_links": True},
        "tags": ["a"],
    }


def test_all_tries_of_a_send_have_one_key_and_two_sends_have_two() -> None:
    broken = httpx.ReadError("cut")
    script = Script(broken, problem(503, "stopping", QUICK), *ONCE, *ONCE)
    client = gateway(script)
    client.send("vk:1", text="hi")
    client.send("vk:1", text="hi")
    first, again, third, other = script.keys
    assert first == again == third != other
    assert first


def test_gateway_that_knows_no_keys_is_asked_without_from_then_on() -> None:
    script = Script(ok(UNKNOWN_KEY, 422), *ONCE, *ONCE)
    client = gateway(script)
    client.send("vk:1", text="hi")
    client.send("vk:1", text="hi")
    assert [bool(key) for key in script.keys] == [True, False, False]


def test_fault_that_only_names_the_header_is_told_and_remembered_of_no_gateway() -> None:
    fault = problem(422, "invalid_request", detail="/to: 'Idempotency-Key' is no recipient")
    script = Script(fault, fault, *ONCE)
    client = gateway(script)
    with pytest.raises(InvalidRequest, match="is no recipient"):
        client.send("Idempotency-Key", text="hi")
    client.send("vk:1", text="hi")
    assert script.keys[2]


def test_key_is_not_left_out_after_a_try_that_may_have_arrived() -> None:
    script = Script(httpx.ReadTimeout("late"), ok(UNKNOWN_KEY, 422), *ONCE)
    with pytest.raises(Unreachable) as caught:
        gateway(script).send("vk:1", text="hi")
    assert caught.value.may_have_arrived
    assert len(script.requests) == 2


def test_gateway_whose_store_is_away_is_asked_without_for_this_once() -> None:
    script = Script(problem(503, "store_unavailable", "5"), *ONCE, *ONCE)
    client = gateway(script)
    client.send("vk:1", text="hi")
    client.send("vk:1", text="hi")
    assert [bool(key) for key in script.keys] == [True, False, True]


def test_store_that_is_away_after_a_try_that_may_have_arrived_is_waited_for() -> None:
    script = Script(httpx.ReadTimeout("late"), problem(503, "store_unavailable", QUICK), *ONCE)
    gateway(script).send("vk:1", text="hi")
    assert script.keys[0]
    assert len(set(script.keys)) == 1


def test_callers_own_key_is_never_left_out() -> None:
    script = Script(ok(UNKNOWN_KEY, 422))
    with pytest.raises(InvalidRequest):
        gateway(script).send("vk:1", text="hi", idempotency_key="mine")
    assert script.keys == ["mine"]
    script = Script(problem(503, "store_unavailable", QUICK), *ONCE)
    gateway(script).send("vk:1", text="hi", idempotency_key="mine")
    assert script.keys == ["mine", "mine"]


def test_repetition_of_what_was_accepted_is_recognised() -> None:
    script = Script(ok(ACCEPTED, 202, **{"Idempotency-Replayed": "true"}))
    assert gateway(script).send("vk:1", text="hi").is_repeated


@pytest.mark.parametrize(
    ("answer", "is_repeated"),
    [
        (httpx.ConnectError("refused"), True),
        (httpx.ConnectTimeout("late"), True),
        (httpx.ReadTimeout("late"), False),
        (httpx.RemoteProtocolError("cut"), False),
        (problem(429, "too_many_requests", QUICK), True),
        (problem(503, "broker_unreachable", QUICK), True),
        (problem(503, "too_many_connections", QUICK), True),
        (problem(503, "broker_blocked", QUICK, not_accepted=[{"to": "a", "unknown": False}]), True),
        (problem(503, "broker_blocked", QUICK, not_accepted=[{"to": "a", "unknown": True}]), False),
        (problem(503, "broker_unconfirmed", QUICK), False),
        (problem(503, "stopping", QUICK), False),
        (problem(503, "of_a_newer_gateway", QUICK), False),
        (problem(500, "internal_error"), False),
        (httpx.Response(502, text="<html>"), False),
        (problem(413, "body_too_large"), False),
        (problem(401, "unauthorized"), False),
        (httpx.Response(200, text="<html>"), False),
        (problem(409, "in_flight", QUICK), False),
    ],
    ids=lambda value: getattr(value, "text", "") or repr(value),
)
def test_without_keys_only_what_was_certainly_not_accepted_is_sent_again(
    answer: httpx.Response | Exception, *, is_repeated: bool
) -> None:
    script = Script(ok(UNKNOWN_KEY, 422), answer, *ONCE)
    if is_repeated:
        assert gateway(script).send("vk:1", text="hi").id == "n"
    else:
        with pytest.raises(gateway_client.GatewayError):
            gateway(script).send("vk:1", text="hi")
    assert len(script.answers) == (not is_repeated)


@pytest.mark.parametrize(
    "answer",
    [
        httpx.ReadTimeout("late"),
        problem(500, "internal_error", QUICK),
        httpx.Response(504, text="<html>"),
        problem(409, "in_flight", QUICK),
    ],
)
def test_with_keys_an_unknown_outcome_is_asked_for_again(
    answer: httpx.Response | Exception,
) -> None:
    assert gateway(Script(answer, *ONCE)).send("vk:1", text="hi").id == "n"


def test_partly_accepted_is_told_and_not_sent_again() -> None:
    members = {
        "id": "n",
        "accepted": ACCEPTED["deliveries"],
        "not_accepted": [{"id": "n-2", "to": "vk:2", "code": "broker_refused", "unknown": False}],
    }
    with pytest.raises(PartlyAccepted) as caught:
        gateway(Script(problem(503, "partly_accepted", QUICK, **members))).send("vk:1", text="hi")
    error = caught.value
    assert (error.id, [one.to for one in error.accepted]) == ("n", ["vk:1"])
    assert [(one.to, one.is_unknown) for one in error.not_accepted] == [("vk:2", False)]
    assert "Send again to the recipients in not_accepted only" in str(error)


def test_tries_and_time_are_bounded() -> None:
    refusals = [problem(503, "broker_unreachable", QUICK) for _ in range(9)]
    script = Script(*refusals)
    with pytest.raises(Unavailable):
        gateway(script, most_tries=3).send("vk:1", text="hi")
    assert len(script.requests) == 3
    script = Script(problem(503, "broker_unreachable", "60"))
    with pytest.raises(Unavailable, match="broker_unreachable"):
        gateway(script, timeout_s=5).status("n")


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (problem(401, "unauthorized"), NotAllowed, "Give the client the key of this gateway"),
        (problem(404, "notification_not_found"), NotFound, "Correct the id"),
        (
            problem(422, "invalid_request", errors=[{"path": "/to", "message": "is nobody"}]),
            InvalidRequest,
            "to is nobody. Correct that",
        ),
        (problem(418, "teapot"), Refused, "it is teapot"),
        (httpx.Response(200, text="hello"), UnexpectedAnswer, "is not the gateway's API"),
        (httpx.Response(404, text="hello"), UnexpectedAnswer, "correct the address"),
        (ok({"id": "n"}), UnexpectedAnswer, "no 'status'"),
        (ok({"id": "n", "status": "x", "seq": 1, "deliveries": 5}), UnexpectedAnswer, "no list"),
        (httpx.ConnectError("no"), Unreachable, "no gateway answers at http://gateway.example"),
    ],
    ids=lambda value: getattr(value, "__name__", "") if isinstance(value, type) else "",
)
def test_each_fault_says_what_to_do(
    answer: httpx.Response | Exception, kind: type[gateway_client.GatewayError], words: str
) -> None:
    with pytest.raises(kind) as caught:
        gateway(Script(answer), most_tries=1).status("n")
    assert words in str(caught.value)
    if isinstance(answer, httpx.Response) and issubclass(kind, Refused):
        assert (caught.value.status, caught.value.code) == (
            answer.status_code,
            answer.json()["code"],
        )


def test_a_password_in_the_address_is_told_nobody() -> None:
    http = httpx.Client(transport=httpx.MockTransport(Script(httpx.ConnectError("no"))))
    with pytest.raises(Unreachable) as caught:
        Gateway("http://ada:secret@gateway.example", http=http, most_tries=1).status("n")
    assert "secret" not in str(caught.value)


def test_unknown_members_are_ignored_and_missing_ones_are_none() -> None:
    told = {"id": "n", "status": "sent", "seq": 5, "deliveries": [{"id": "n-1", "status": "x"}]}
    found = gateway(Script(ok(told | {"new": {"in": "2030"}}))).status("n")
    assert (found.subject, found.completed_at, found.deliveries[0].dead_letter) == (
        None,
        None,
        None,
    )
    assert found.document["new"] == {"in": "2030"}


def test_status_has_moments_attempts_and_dead_letters() -> None:
    at = "2026-05-01T12:30:00.219Z"
    delivery = {
        "id": "n-1",
        "to": None,
        "status": "failed",
        "attempts": [{"number": 1, "at": at, "code": "550"}],
        "dead_letter": {"class": "rejected", "at": at},
    }
    told = {"id": "n", "status": "failed", "seq": 5, "completed_at": at, "deliveries": [delivery]}
    found = gateway(Script(ok(told))).status("n")
    moment = datetime(2026, 5, 1, 12, 30, 0, 219_000, UTC)
    [one] = found.deliveries
    assert (found.is_complete, found.completed_at) == (True, moment)
    assert (one.to, one.attempts[0].at) == (None, moment)
    assert one.dead_letter is not None
    assert one.dead_letter.fail_class == "rejected"


def test_ids_cannot_lead_to_other_paths() -> None:
    script = Script(problem(404, "not_found"))
    with pytest.raises(NotFound):
        gateway(script).status("../x?y#z")
    assert script.requests[0].url.raw_path == b"/base/v1/notifications/..%2Fx%3Fy%23z"


def test_list_asks_for_one_page_after_another() -> None:
    def page(name: str, cursor: str | None) -> httpx.Response:
        return ok(
            {"items": [{"id": name, "status": "sent", "seq": 1, "deliveries": []}], "next": cursor}
        )

    script = Script(page("a", "c1"), page("b", None))
    since = datetime(2026, 5, 1, tzinfo=UTC)
    listed = gateway(script).list(status="sent", accepted_after=since)
    assert isinstance(first := next(listed), Notification)
    assert (first.id, len(script.requests)) == ("a", 1)
    assert [one.id for one in listed] == ["b"]
    assert dict(script.requests[1].url.params) == {
        "status": "sent",
        "accepted_after": "2026-05-01T00:00:00+00:00",
        "cursor": "c1",
    }


@pytest.mark.parametrize(
    "url", ["gateway.example", "ftp://gateway.example", "http://", "http://a?b"]
)
def test_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="is no address such as"):
        Gateway(url)


@pytest.mark.parametrize(
    ("ours", "the_apis"),
    [
        (fields.Email, options.EmailOptions),
        (fields.Telegram, options.TelegramOptions),
        (fields.Button, options.Button),
        (fields.LinkPreview, options.LinkPreview),
        (fields.Vk, options.VkOptions),
        (fields.Filters, ListQuery),
        (fields.Fields, NotificationRequest),
    ],
)
def test_fields_are_those_of_the_api(ours: Any, the_apis: Any) -> None:
    names = set(typing.get_type_hints(ours))
    left = {"to", "cursor"} if ours in (fields.Fields, fields.Filters) else set()
    assert names - {"to"} == set(the_apis.model_fields) - left


def test_both_clients_have_the_same_methods() -> None:
    def parameters(kind: type) -> dict[str, list[str]]:
        methods = inspect.getmembers(kind, inspect.isfunction)
        return {
            name: list(inspect.signature(one).parameters)
            for name, one in methods
            if not name.startswith("_")
        }

    assert parameters(Gateway) == parameters(AsyncGateway)


def test_pause_is_what_the_gateway_says_and_never_the_same_for_two() -> None:
    def pauses(make: Callable[[], gateway_client.GatewayError], tried: int) -> set[float]:
        found = [pause_after(make(), tried, is_repeatable=True) for _ in range(50)]
        return {one for one in found if one is not None}

    said = pauses(lambda: gateway_client.problems.refused(503, {"code": "stopping"}, 7.0), 1)
    assert len(said) > 10
    assert (min(said) >= 7.0, max(said) <= 8.4) == (True, True)
    grown = pauses(lambda: Unreachable("", may_have_arrived=True), 100)
    assert (min(grown) >= 2.5, max(grown) <= 5.0) == (True, True)
    assert max(pauses(lambda: Unreachable("", may_have_arrived=True), 1)) <= 0.2


def test_answer_that_tells_not_whether_it_was_accepted_says_so() -> None:
    error = gateway_client.problems.refused(503, {"code": "stopping", "detail": "it stops"})
    assert isinstance(error, Unavailable)
    assert error.may_have_arrived
    assert "sent again it may arrive twice" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 100_000,
        b'{"id": "n", "status": "queued", "seq": "1", "deliveries": []}',
        b'{"id": "n", "status": {}, "seq": 1, "deliveries": []}',
        b'{"id": "n", "status": "queued", "seq": 1, "deliveries": ['
        b'{"id": "n-1", "status": "failed", "dead_letter": "x"}]}',
    ],
)
def test_answer_of_another_shape_is_told_as_one(body: bytes) -> None:
    script = Script(httpx.Response(200, content=body))

    with gateway(script) as client, pytest.raises(UnexpectedAnswer):
        client.status("n")


def test_refusal_whose_list_is_none_is_a_refusal() -> None:
    with (
        gateway(Script(problem(503, "broker_refused", not_accepted=5)), most_tries=1) as client,
        pytest.raises(Unavailable),
    ):
        client.send("vk:1", text="x")


@pytest.mark.parametrize(
    "event",
    [
        b"data: " + b"[" * 100_000,
        "id: а-1\ndata: {}".encode(),
        b"id: " + b"9" * 101 + b"\ndata: {}",
        b'data: {"seq": 1, "id": "i", "type": "sent", "at": "2026-05-01T12:00:00Z", '
        b'"notification_id": "n", "delivery_id": "n-1", "to": 5}',
    ],
)
def test_event_of_another_shape_is_told_as_one(event: bytes) -> None:
    stream = httpx.Response(
        200, content=event + b"\n\n", headers={"Content-Type": "text/event-stream"}
    )

    with gateway(Script(stream)) as client, pytest.raises(UnexpectedAnswer):
        list(client.watch(channel="vk"))


def test_watch_comes_back_before_a_wait_of_years_is_over() -> None:
    said = refused(429, {"code": "too_many"}, retry_after_s=99_999_999)
    steps = watching.watch(watching.Wanted())
    next(steps)

    assert isinstance(steps.throw(said), Close)
    pause = steps.send(None)

    assert isinstance(pause, Pause)
    assert pause.seconds == 300


@pytest.mark.parametrize("kind", [Gateway, AsyncGateway])
def test_key_that_no_header_carries_is_refused_unrepeated(
    kind: type[Gateway | AsyncGateway],
) -> None:
    with pytest.raises(ValueError, match="copy it anew") as caught:
        kind("http://gateway.example", "мой-ключ")
    assert "мой-ключ" not in str(caught.value)
