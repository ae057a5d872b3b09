"""`POST /v1/notifications`: read the request, have it accepted, answer."""

from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope
from uuid_utils.compat import uuid7

from common.http.body import read_json_body
from common.http.problems import Problem
from gateway_api.access.caller import Caller, caller_of
from gateway_api.access.rates import Rates
from gateway_api.notifications.acceptance import Acceptance
from gateway_api.notifications.answers import accepted_response
from gateway_api.notifications.repetition import HEADER, REPLAYED, Repetitions


class Notifications:
    """The endpoint. Nothing is resolved for it, which would cost more than what it does itself."""

    def __init__(
        self,
        acceptance: Acceptance,
        rates: Rates,
        repetitions: Repetitions,
        max_body_bytes: int,
    ) -> None:
        self._acceptance = acceptance
        self._rates = rates
        self._repetitions = repetitions
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive) -> Response:
        """The 202. Raises Problem; how the key stands is told in either case."""
        caller = caller_of(scope)
        standing = await self._rates.count(caller)
        try:
            request = Request(scope, receive)
            body = await read_json_body(request, self._max_body_bytes, takes_idempotency_key=True)
            if (key := _idempotency_key(scope)) is not None:
                return await self._accept_once(key, body, request.headers, caller, standing)
            deliveries = await self._acceptance.accept(
                body, request.headers, notification_id=uuid7(), caller=caller
            )
        except Problem as problem:
            problem.headers |= standing
            raise
        return accepted_response(deliveries, standing)

    async def _accept_once(
        self,
        key: str,
        body: bytes,
        headers: Mapping[str, str],
        caller: Caller,
        standing: Mapping[str, str],
    ) -> Response:
        """The 202 of the one notification that all requests under this key are. Raises Problem."""
        turn = await self._repetitions.turn(key, caller.owner, body)
        if turn.is_replay:
            again = self._acceptance.tell_again(body, turn.notification_id, caller)
            return accepted_response(again, {**standing, **REPLAYED})
        try:
            deliveries = await self._acceptance.accept(
                body, headers, notification_id=turn.notification_id, caller=caller
            )
        except Problem as problem:
            await self._repetitions.end(turn, problem)
            raise
        await self._repetitions.end(turn)
        return accepted_response(deliveries, standing)


def _idempotency_key(scope: Scope) -> str | None:
    """Looked for by hand: hardly any request has it, and each would pay for looking."""
    given = [value for name, value in scope["headers"] if name == HEADER]
    return given[0].decode("latin-1") if given else None
