"""What a page sends: by the API over HTTP, as every client does, with a key."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

from common.errors import GatewayError
from common.hosts import reached_at
from common.http.problems import FieldFault
from common.settings import Settings
from console.auditing import audited
from console.services.own_keys import OwnKeys
from console.services.threads import in_thread
from gateway_client import (
    Accepted,
    AsyncGateway,
    NotAllowed,
    PartlyAccepted,
    Refused,
    Unreachable,
)
from gateway_client import GatewayError as ClientError
from store.access.audit import Action
from store.access.key_form import Mode
from store.database import StoreUnavailable

_TIMEOUT_S: Final = 40.0  # longer than the API itself waits for the broker
_ASKS: Final = "/v1/live"  # needs a key where keys are needed, and no store

_NO_TEST_KEY: Final = (
    "the API asks for no key yet, and the first one that is made would shut out every program that "
    "sends without: make it yourself (`gateway keys create --name console --mode test`), then the "
    "console makes its own"
)


class NotSent(GatewayError):
    """It was not accepted, or not by all; faults: at which places of the request."""

    def __init__(self, sentence: str, faults: Sequence[FieldFault] = ()) -> None:
        super().__init__(sentence)
        self.faults = tuple(faults)


class Sending:
    """Sends for people; made once a process."""

    def __init__(self, settings: Settings, keys: OwnKeys) -> None:
        self._settings, self._keys = settings, keys
        self.url = reached_at(settings.api_host, settings.api_port)

    async def send(
        self, request: Mapping[str, Any], mode: Mode, idempotency_key: str, actor: str
    ) -> Accepted:
        """Have it accepted, once however often it is asked for under this key. Raises NotSent."""
        if self._settings.api_port == 0:
            raise NotSent("GATEWAY_API_PORT is 0, a free port that the console cannot know: set it")
        try:
            accepted = await self._send(request, mode, idempotency_key, actor)
        except StoreUnavailable as error:
            raise NotSent(f"a key cannot be made while the database is away: {error}") from error
        except PartlyAccepted as error:
            failed = f"{len(error.not_accepted)} recipients were not accepted, the others were"
            raise NotSent(f"{failed} ({error.id}): {error.detail}") from error
        except Refused as error:
            faults = [FieldFault(one.path, one.message) for one in error.errors]
            raise NotSent(_refusal(error), faults) from error
        except Unreachable as error:
            raise NotSent(self._unreached(error)) from error
        except ClientError as error:
            raise NotSent(f"what answers at {self.url} is no API of the gateway's") from error
        if not accepted.is_repeated:
            await in_thread(partial(self._note, accepted, mode, actor))
        return accepted

    async def _send(
        self, request: Mapping[str, Any], mode: Mode, idempotency_key: str, actor: str
    ) -> Accepted:
        key, is_own = await self._key(mode, actor)
        try:
            return await self._post(request, key, idempotency_key)
        except NotAllowed as error:
            if not is_own or error.status != 401:  # somebody revoked it
                raise
            self._keys.forget(mode)
            return await self._post(request, await self._keys.get(mode, actor), idempotency_key)

    async def _post(
        self, request: Mapping[str, Any], key: str | None, idempotency_key: str
    ) -> Accepted:
        async with self._gateway(key) as gateway:
            return await gateway.send(**request, idempotency_key=idempotency_key)

    async def _key(self, mode: Mode, actor: str) -> tuple[str | None, bool]:
        """What the API takes, and whether it is the console's own; None where it takes anybody."""
        if mode is Mode.LIVE and self._settings.api_key is not None:
            return self._settings.api_key.get_secret_value(), False
        if (known := self._keys.known(mode)) is not None:
            return known, True
        # Where nobody needs a key, the first one would close the API to all who have none.
        if not await self._asks_for_key():
            if mode is Mode.TEST:
                raise NotSent(_NO_TEST_KEY)
            return None, False
        return await self._keys.get(mode, actor), True

    async def _asks_for_key(self) -> bool:
        try:
            async with self._gateway(None) as gateway:
                await gateway.get(_ASKS)
        except NotAllowed as error:
            return error.status == 401
        return False

    def _gateway(self, key: str | None) -> AsyncGateway:
        return AsyncGateway(self.url, key, timeout_s=_TIMEOUT_S, most_tries=1)

    def _unreached(self, error: Unreachable) -> str:
        if error.may_have_arrived:
            return (
                f"the API at {self.url} broke off: it may have accepted the notification; press "
                "again, it is sent once"
            )
        return (
            f"no API answers at {self.url}: start it, or set GATEWAY_API_HOST and "
            "GATEWAY_API_PORT of the console"
        )

    def _note(self, accepted: Accepted, mode: Mode, actor: str) -> None:
        subject, told = f"notification {accepted.id}", {"mode": mode.value}
        with audited(self._settings, actor, Action.SENT, subject, told) as done:
            done.number = len(accepted.deliveries)


def _refusal(error: Refused) -> str:
    if error.code == "store_unavailable":
        return "the database does not answer, and the API needs it: try again in a moment"
    if error.code == "unauthorized":
        return "the API takes another key: set its GATEWAY_API_KEY for the console too, or none"
    return error.detail
