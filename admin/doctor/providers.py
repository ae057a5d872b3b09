"""The doctor's look at the providers: can we log in? Nothing is sent."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from broker_topology.state import clock_ahead_s
from common.breakage import NO_WHOLE_ANSWER, PROXY_REFUSES, breakage
from common.channels import Channel, in_words
from common.errors import SettingsError
from common.settings import Settings
from common.watching.finding import ClockReading, Examination, Finding, ok, skipped, wrong
from common.watching.redaction import Redactor
from common.webhooks.signing import read_secrets
from senders.email.codes import Stage, classify_exception
from senders.email.connection import (
    MailServer,
    StageError,
    Timeouts,
    at,
    open_connection,
    read_mail_server,
)
from senders.endpoint import ApiUrl, parse_api_url
from senders.redaction import redact
from senders.said import clean
from senders.vk.codes import classify_error
from senders.vk.provider import API_VERSION

PROVIDER_TIMEOUT_S = 15.0
_SMTP_TIMEOUTS = Timeouts(connect_s=10.0, command_s=10.0, data_s=10.0)
_CALL_TIMEOUT_S = 10.0
_BAD_TOKEN = (401, 404)  # the Bot API's answers to a wrong token and to one that is no token


async def check_provider(channel: Channel, settings: Settings) -> Examination:
    """Look at the provider of one channel, with these settings."""
    return await LOOKS[channel](settings)


async def check_email(settings: Settings) -> Examination:
    """Connect, encrypt and log in to the mail server."""
    if settings.email_url is None:
        return _only(skipped("email", "not configured: GATEWAY_EMAIL_URL is not set"))
    try:
        server = read_mail_server(settings, _SMTP_TIMEOUTS)
    except SettingsError:
        return _only(_unseen(Channel.EMAIL))
    place = f"{server.host}:{server.port}"
    try:
        async with asyncio.timeout(PROVIDER_TIMEOUT_S):
            smtp = await open_connection(server)
            with contextlib.suppress(StageError), at(Stage.CONNECT):
                await smtp.quit()
    except StageError as failure:
        return _only(wrong("email", _email_fault(failure, server, place)))
    except TimeoutError:
        return _only(
            wrong("email", f"{place} did not let us in within {PROVIDER_TIMEOUT_S:g} s: look there")
        )
    login = f"logged in as {server.username}" if server.username else "no login needed"
    safety = "TLS" if server.tls else "plain"
    return _only(ok("email", f"{place} answers, {safety}, {login}"))


async def check_telegram(settings: Settings) -> Examination:
    """Ask the Bot API who we are (getMe)."""
    if settings.telegram_token is None:
        return _only(skipped("telegram", "not configured: GATEWAY_TELEGRAM_TOKEN is not set"))
    token = settings.telegram_token.get_secret_value()
    try:
        url = parse_api_url("GATEWAY_TELEGRAM_API_URL", settings.telegram_api_url)
    except SettingsError:
        return _only(_unseen(Channel.TELEGRAM))
    called = await _call(Channel.TELEGRAM, url, f"/bot{token}/getMe", None)
    if isinstance(called, Finding):
        return _only(called)
    status, answer, clocks = called
    return Examination((_read_bot(status, answer, _host(url)),), clocks)


async def check_vk(settings: Settings) -> Examination:
    """Ask the VK API which community the token belongs to (groups.getById)."""
    if settings.vk_token is None:
        return _only(skipped("vk", "not configured: GATEWAY_VK_TOKEN is not set"))
    fields = {"access_token": settings.vk_token.get_secret_value(), "v": API_VERSION}
    try:
        url = parse_api_url("GATEWAY_VK_API_URL", settings.vk_api_url)
    except SettingsError:
        return _only(_unseen(Channel.VK))
    called = await _call(Channel.VK, url, "/method/groups.getById", fields)
    if isinstance(called, Finding):
        return _only(called)
    _, answer, clocks = called
    return Examination((_read_community(answer, _host(url), fields["access_token"]),), clocks)


async def check_webhook(settings: Settings) -> Examination:
    """Say what signs and where it may go: no one provider is there to be asked."""
    if settings.callback_secret is None:
        return _only(skipped("webhook", "not configured: GATEWAY_CALLBACK_SECRET is not set"))
    secrets = len(read_secrets(settings.callback_secret.get_secret_value()))
    places = [str(network) for network in settings.callback_allow_networks or ()]
    if settings.callback_public:
        places.insert(0, "public addresses")
    signs = "1 secret signs" if secrets == 1 else f"{secrets} secrets sign"
    if not places:
        return _only(
            wrong(
                "webhook",
                "GATEWAY_CALLBACK_PUBLIC is no, and no network is allowed: nothing can be sent; "
                "name networks in GATEWAY_CALLBACK_ALLOW_NETWORKS",
            )
        )
    return _only(ok("webhook", f"{signs}; it may go to {in_words(tuple(places), 'and')}"))


def _only(finding: Finding) -> Examination:
    return Examination((finding,))


def _unseen(channel: Channel) -> Finding:
    return skipped(channel, "not looked at: correct the settings first")


def _email_fault(failure: StageError, server: MailServer, place: str) -> str:
    outcome = redact(classify_exception(failure.error, failure.stage), Redactor([server.password]))
    said = f"{outcome.code}: {outcome.message}".strip().rstrip(".")
    if failure.stage is Stage.AUTH:
        return (
            f"{place} refuses the login ({said}): correct user and password, or GATEWAY_EMAIL_AUTH"
        )
    if outcome.code == "unknown-host":
        return f"the host name {server.host} is unknown: correct GATEWAY_EMAIL_URL"
    if outcome.code == "tls" or failure.stage is Stage.STARTTLS:
        return (
            f"no encryption with {place} ({said}): correct scheme and port of GATEWAY_EMAIL_URL, "
            "or set GATEWAY_EMAIL_CA_FILE to the authority that signed its certificate"
        )
    return f"no mail server lets us in at {place} ({said}): start it, or correct GATEWAY_EMAIL_URL"


async def _call(
    channel: Channel, url: ApiUrl, path: str, fields: dict[str, str] | None
) -> Finding | tuple[int, dict[str, Any], tuple[ClockReading, ...]]:
    """POST to a provider's API: status, answer and time; or what kept it from answering."""
    host, variable = _host(url), f"GATEWAY_{channel.upper()}_API_URL"
    asked_at = time.time()
    try:
        async with (
            asyncio.timeout(PROVIDER_TIMEOUT_S),
            httpx.AsyncClient(trust_env=url.may_use_proxy, timeout=_CALL_TIMEOUT_S) as client,
        ):
            response = await client.post(url.base + path, data=fields)
    except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
        return wrong(
            channel,
            f"{host} does not answer ({_reason(error)}): check network, proxy and {variable}",
        )
    try:
        answer = response.json()
    except (ValueError, RecursionError):  # not JSON, or so deep that it means nothing
        answer = None
    if not isinstance(answer, dict):
        return wrong(
            channel,
            f"{host} answers HTTP {response.status_code}, and not as this API does: correct "
            f"{variable}, or look for a proxy in between",
        )
    ahead_s = clock_ahead_s(response, asked_at)
    clocks = () if ahead_s is None else (ClockReading(host, ahead_s),)
    return response.status_code, answer, clocks


def _reason(error: Exception) -> str:
    """Never the error's own text: it might quote the address, which holds the token."""
    if isinstance(error, TimeoutError | httpx.TimeoutException):
        return "it took too long"
    if isinstance(error, httpx.ProxyError):
        return PROXY_REFUSES
    return breakage(error) or NO_WHOLE_ANSWER


def _read_bot(status: int, answer: dict[str, Any], host: str) -> Finding:
    result = answer.get("result")
    if answer.get("ok") is True and isinstance(result, dict):
        return ok("telegram", f"{host} knows us as @{clean(str(result.get('username')), 200)}")
    said = clean(str(answer.get("description") or f"HTTP status {status}"), 200)
    if status in _BAD_TOKEN:
        return wrong(
            "telegram",
            f"{host} refuses the token ({said}): correct GATEWAY_TELEGRAM_TOKEN, or ask @BotFather "
            "for a new one",
        )
    return wrong("telegram", f"{host} does not say who we are ({said}): try again later")


def _read_community(answer: dict[str, Any], host: str, token: str) -> Finding:
    error, response = answer.get("error"), answer.get("response")
    if isinstance(error, dict):
        said = classify_error(_code(error), str(error.get("error_msg", "")))
        outcome = redact(said, Redactor([token]))
        return wrong(
            "vk",
            f"{host} refuses the token ({outcome.code} {outcome.message.rstrip('.')}): set "
            "GATEWAY_VK_TOKEN to a community's token with the right `messages`",
        )
    groups = response.get("groups") if isinstance(response, dict) else response
    if not (isinstance(groups, list) and groups and isinstance(groups[0], dict)):
        return wrong(
            "vk",
            f"{host} knows no community of this token: make GATEWAY_VK_TOKEN in the community's "
            "settings, not in a user's",
        )
    return ok("vk", f"{host} knows us as the community {clean(str(groups[0].get('name')), 200)!r}")


def _code(error: dict[str, Any]) -> int:
    code = error.get("error_code")
    return code if isinstance(code, int) else 0


def _host(url: ApiUrl) -> str:
    return urlsplit(url.base).netloc.rpartition("@")[2]


LOOKS: Final[Mapping[Channel, Callable[[Settings], Awaitable[Examination]]]] = {
    Channel.EMAIL: check_email,
    Channel.TELEGRAM: check_telegram,
    Channel.VK: check_vk,
    Channel.WEBHOOK: check_webhook,
}
