"""VK messages: the client library is synchronous, so every lane has a thread of its own."""

import asyncio
import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import vk_api
from jconfig import MemoryConfig  # type: ignore[import-untyped, unused-ignore]

from common.channels import Channel
from common.envelope import Delivery
from common.logs import get_logger
from common.settings import Settings
from common.watching.redaction import Redactor
from senders.endpoint import (
    CONNECT_TIMEOUT_S,
    READ_TIMEOUT_S,
    ApiAccess,
    read_access,
)
from senders.outcome import Outcome, Sent
from senders.provider import Limits, Provider
from senders.redaction import redact
from senders.vk.codes import ALARMING, classify_exception
from senders.vk.session import Session

log = get_logger(__name__)

API_VERSION: Final = "5.199"
REPEAT_SAFE_S: Final = 3000.0  # VK knows a random_id for an hour; waiting for a turn takes time


def random_id(delivery_id: str) -> int:
    """The number by which VK knows a repeat for an hour: int32, not 0, the same at every try."""
    digest = hashlib.sha256(delivery_id.encode()).digest()
    return int.from_bytes(digest[:4], "big", signed=True) or 1


def write_fields(delivery: Delivery) -> dict[str, Any]:
    """The parameters of messages.send; the subject, if any, stands above the text."""
    text = delivery.text or ""
    fields: dict[str, Any] = {
        "peer_id": delivery.address,
        "random_id": random_id(delivery.id),
        "message": f"{delivery.subject}\n\n{text}" if delivery.subject else text,
    }
    if delivery.vk is not None and delivery.vk.keyboard is not None:
        fields["keyboard"] = json.dumps(delivery.vk.keyboard, ensure_ascii=False)
    if delivery.vk is not None and delivery.vk.dont_parse_links:
        fields["dont_parse_links"] = 1
    return fields


class VkProvider:
    """Sends as the community of GATEWAY_VK_TOKEN. Raises SettingsError when it cannot."""

    name = Channel.VK
    repeat_safe_s: Final[float | None] = REPEAT_SAFE_S

    def __init__(
        self,
        settings: Settings,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        read_timeout_s: float = READ_TIMEOUT_S,
    ) -> None:
        self._access = read_access(self.name, settings)
        self._timeouts_s = (connect_timeout_s, read_timeout_s)
        self.rate = settings.vk_rate

    def transmitter(self) -> "VkTransmitter":
        """A new transmitter; its thread starts with the first send."""
        return VkTransmitter(self._access, self._timeouts_s)

    def limits(self, delivery: Delivery) -> Limits:
        """VK has no rate for a single peer."""
        return Limits()

    async def close(self) -> None:
        """Nothing is shared that is open."""


def make_provider(settings: Settings) -> Provider:
    """The channel, from its settings. Raises SettingsError when it cannot send."""
    return VkProvider(settings)


class VkTransmitter:
    """One lane's VkApi and thread, abandoned when a call is cancelled, which ends in the thread."""

    def __init__(self, access: ApiAccess, timeouts_s: tuple[float, float]) -> None:
        self._access = access
        self._timeouts_s = timeouts_s
        self._redactor = Redactor([access.token])
        self._line: _Line | None = None

    async def send(self, delivery: Delivery) -> Outcome:
        """Send one message."""
        line = self._line = self._line or _Line(self._access, self._timeouts_s)
        fields = write_fields(delivery)
        try:
            answer = await line.call("messages.send", fields, delivery.id)
        except asyncio.CancelledError:
            self._line = None
            line.abandon()
            raise
        except Exception as error:
            outcome = classify_exception(error)
            if outcome.code in map(str, ALARMING):
                log.error("the VK account's limit is used up", code=outcome.code)
            return redact(outcome, self._redactor)
        return Sent(str(answer))

    async def close(self) -> None:
        """Close the lane's connection and end its thread; idempotent."""
        line, self._line = self._line, None
        if line is not None:
            await line.close()


class _Line:
    """A session and the one thread that uses it: vk_api holds a lock over each call."""

    def __init__(self, access: ApiAccess, timeouts_s: tuple[float, float]) -> None:
        self._session = Session(access.url, timeouts_s)
        # MemoryConfig: the default one keeps a file in the working directory
        self._api = vk_api.VkApi(
            token=access.token,
            session=self._session,
            config=MemoryConfig,
            api_version=API_VERSION,
        )
        self._api.RPS_DELAY = 0  # the limiter paces; this would sleep with the lock held
        self._api.error_handlers.clear()  # the one for code 6 recurses without bound
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="vk")

    async def call(self, method: str, fields: dict[str, Any], delivery_id: str) -> Any:
        """Call a method of the API in the line's thread, which is idle."""
        self._session.delivery_id = delivery_id
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._thread, self._api.method, method, fields)

    def abandon(self) -> None:
        """Cut the call that is under way, which may never end by itself, then close."""
        self._session.cut()
        self._thread.submit(self._session.close)
        self._thread.shutdown(wait=False)

    async def close(self) -> None:
        """Close an idle line."""
        await asyncio.get_running_loop().run_in_executor(self._thread, self._session.close)
        self._thread.shutdown()
