"""`POST /v1/notifications`: read the request, have it accepted, answer."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope
from uuid_utils.compat import uuid7

from common.http.body import read_json_body
from gateway_api.notifications.acceptance import Acceptance
from gateway_api.notifications.answers import accepted_response


class Notifications:
    """The endpoint. Nothing is resolved for it, which would cost more than what it does itself."""

    def __init__(self, acceptance: Acceptance, max_body_bytes: int) -> None:
        self._acceptance = acceptance
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive) -> Response:
        """The 202. Raises Problem."""
        request = Request(scope, receive)
        body = await read_json_body(request, self._max_body_bytes)
        deliveries = await self._acceptance.accept(body, request.headers, notification_id=uuid7())
        return accepted_response(deliveries)
