"""Webhooks: every address is an endpoint of somebody else's, and none is waited for at the cost of
another.
"""

import hashlib
import ssl
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from common.channels import Channel, Priority
from common.envelope import Delivery, WireWebhook
from common.errors import NotNowError, SettingsError
from common.given import shown_path
from common.logs import get_logger
from common.settings import Settings
from common.times import utc_now
from common.webhooks.signing import OWNER_HEADER, derive_key, read_secrets, signed_headers
from common.webhooks.url import WebhookUrl, parse_webhook
from senders.outcome import About, Outcome, Rejected, Scope, Transient, Unknown
from senders.provider import Limits, Provider
from senders.webhook.codes import FAILURES, classify_answer, classify_failure
from senders.webhook.connection import Line, Phase
from senders.webhook.message import UnsendableError, message_id, write_body
from senders.webhook.patience import Patience
from senders.webhook.way import Bounds, ForbiddenError, Resolve, ask_system, find_way

log = get_logger(__name__)

_MARK_CHARACTERS: Final = 8


@dataclass(frozen=True, slots=True)
class Keys:
    """What signs: the gateway's own keys, and the root of those of its API keys."""

    own: tuple[bytes, ...] = field(repr=False)
    root: str | None = field(repr=False)

    def of(self, delivery: Delivery) -> list[bytes]:
        """The keys that sign a delivery, the new one first; none when its owner's are not known."""
        if delivery.owner is None:
            return list(self.own)
        if self.root is None:
            return []
        versions = (delivery.webhook or WireWebhook()).secret_versions
        return [derive_key(self.root, delivery.owner, version) for version in versions]


class WebhookProvider:
    """Signs with GATEWAY_CALLBACK_SECRET. Raises SettingsError when it cannot."""

    name = Channel.WEBHOOK
    repeat_safe_s: Final[float | None] = None  # for ever: its id stays

    def __init__(
        self,
        settings: Settings,
        patience: Patience | None = None,
        resolve: Resolve = ask_system,
    ) -> None:
        self._keys = _read_keys(settings)
        self._bounds = Bounds(settings.callback_allow_networks or (), settings.callback_public)
        # One for all lanes: the certificates that it trusts take megabytes.
        self._trust = _trust(settings.callback_ca_file)
        self._patience = patience or Patience(settings.lanes(self.name))
        self._resolve = resolve
        self.rate = settings.webhook_rate

    def transmitter(self) -> "WebhookTransmitter":
        """A new transmitter, not yet connected."""
        line = Line(self._trust)
        return WebhookTransmitter(self._keys, self._bounds, line, self._patience, self._resolve)

    def limits(self, delivery: Delivery) -> Limits:
        """The endpoint stands for a domain: it has pauses and a pace of its own."""
        return Limits(domain=endpoint_of(delivery.address))

    async def close(self) -> None:
        """Nothing is shared that is open."""


def make_provider(settings: Settings) -> Provider:
    """The channel, from its settings. Raises SettingsError when it cannot send."""
    return WebhookProvider(settings)


class WebhookTransmitter:
    """One lane's connection, kept while it leads to the next endpoint too."""

    def __init__(
        self,
        keys: Keys,
        bounds: Bounds,
        line: Line,
        patience: Patience,
        resolve: Resolve,
    ) -> None:
        self._keys = keys
        self._bounds = bounds
        self._line = line
        self._patience = patience
        self._resolve = resolve

    async def send(self, delivery: Delivery) -> Outcome:
        """Make one signed request."""
        try:
            url = parse_webhook(delivery.address)
        except ValueError as error:
            return Rejected("address", f"not the URL of a webhook: {error}", About.RECIPIENT)
        try:
            name, body = message_id(delivery), write_body(delivery)
        except UnsendableError as error:
            return Rejected("id", f"it cannot be sent: {error}", About.CONTENT)
        keys = self._keys.of(delivery)
        if not keys:
            fault = "GATEWAY_CALLBACK_ROOT_SECRET is not set, which makes its owner's secret"
            log.error("no secret for the owner of a delivery", delivery=delivery.id)
            return Transient("no-secret", fault)
        headers = signed_headers(name, int(time.time()), body, keys)
        if delivery.owner is not None:
            headers[OWNER_HEADER] = delivery.owner
        return await self._call(url, headers, body, delivery.priority)

    async def _call(
        self, url: WebhookUrl, headers: dict[str, str], body: bytes, priority: Priority
    ) -> Outcome:
        """What the request comes to; an endpoint that did not answer soon has to rest."""
        phase = Phase()
        try:
            async with self._patience.waiting(priority) as wait:
                if not self._line.is_kept(url):
                    addresses = await find_way(url, self._bounds, self._resolve)
                    await self._line.open(url, addresses)
                response = await self._line.post(url, headers, body, phase)
            answer = await self._line.read(response)
        except ForbiddenError as error:
            return Rejected(error.code, str(error), About.RECIPIENT)
        except FAILURES as error:
            outcome = classify_failure(error, is_written=phase.is_written)
        else:
            outcome = classify_answer(answer, utc_now())
        return _resting(outcome) if wait.is_slow else outcome

    async def close(self) -> None:
        """Close the lane's connection; idempotent."""
        await self._line.close()


def endpoint_of(address: str) -> str:
    """An endpoint's name, for logs too: its host, and a mark in place of a path that may be secret.

    The query is no part of it: it often tells one message from another.
    """
    try:
        url = parse_webhook(address)
    except ValueError:
        return "none"
    return f"{url.authority}/{_mark(url)}"


def _mark(url: WebhookUrl) -> str:
    path = f"{url.scheme}://{url.authority}{url.target.partition('?')[0]}"
    return hashlib.sha256(path.encode()).hexdigest()[:_MARK_CHARACTERS]


def _resting(outcome: Outcome) -> Outcome:
    """A slow call that failed: the endpoint rests, so that no lane waits for it meanwhile."""
    if isinstance(outcome, Transient | Unknown):
        return replace(outcome, paused=Scope.DOMAIN)
    return outcome


def _read_keys(settings: Settings) -> Keys:
    if settings.callback_secret is None:
        raise SettingsError(
            "the webhook channel needs GATEWAY_CALLBACK_SECRET; set it or see docs/settings.md"
        )
    root = settings.callback_root_secret
    return Keys(
        read_secrets(settings.callback_secret.get_secret_value()),
        root.get_secret_value() if root else None,
    )


def _trust(ca_file: Path | None) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if ca_file is None:
        return context
    try:
        context.load_verify_locations(ca_file)
    except ssl.SSLError as error:
        raise NotNowError(
            f"GATEWAY_CALLBACK_CA_FILE names {ca_file}, which holds no certificate in PEM form; "
            "name a file that does"
        ) from error
    except OSError as error:
        raise NotNowError(
            f"GATEWAY_CALLBACK_CA_FILE names {shown_path(str(ca_file))}, which cannot be read: "
            f"{error.strerror}"
        ) from error
    return context
