"""The way in by another directory: there, and back with its word for who somebody is.

What belongs together, the state, the nonce and the verifier, waits in a cookie of the browser that
began; so no memory of ours can be filled, and what is back in another browser is nothing.
"""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

from common.logs import get_logger
from common.settings import Settings
from console.people.forms import safe_path
from console.people.oidc.provider import (
    Beginning,
    Provider,
    ProviderAway,
    ProviderRefused,
    ProviderUntrue,
)
from console.people.oidc.roles import name_of, role_of, subject_of
from console.people.oidc.way import BACK, LASTS_S, Newcomer, NotLetIn

log = get_logger(__name__)

_WAIT_S: Final = 15.0
_MOST_AT: Final = 2**40  # seconds since 1970
_TEXTS: Final = ("s", "n", "v", "a")
_MOST_AFTER: Final = 1500  # of a cookie, whose whole is 4096 bytes at most

Result = TypeVar("Result")


class Directory:
    """The provider of the settings, without blocking anybody."""

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.time) -> None:
        self._settings = settings
        self._clock = clock
        self._site = settings.console_url or ""
        self._issuer = settings.oidc_issuer or ""
        self._provider = Provider(settings, f"{self._site}{BACK}", settings.oidc_role_claim)
        self._threads = ThreadPoolExecutor(4, "oidc")
        self.host = urlsplit(self._issuer).netloc

    async def begin(self, after: str) -> tuple[str, str]:
        """Where the browser has to go, and what its cookie has meanwhile. Raises NotLetIn."""
        begun = await self._asked(self._provider.begin)
        return begun.url, _cookie(begun, after, self._clock())

    async def come_back(self, query: Mapping[str, str], cookie: str | None) -> Newcomer:
        """Who is back. Raises NotLetIn."""
        kept = _kept(cookie)
        given = query.get("state", "")
        is_late = kept is None or self._clock() >= float(kept["at"]) + LASTS_S
        if kept is None or is_late or not hmac.compare_digest(given.encode(), kept["s"].encode()):
            raise NotLetIn("oidc_stale")
        if query.get("iss", self._issuer) != self._issuer:  # RFC 9207
            log.warning("a sign-in came back from another provider", given=query["iss"][:200])
            raise NotLetIn("oidc_untrue")
        if "code" not in query:
            detail = f"{query.get('error')}: {query.get('error_description')}"
            log.warning("the provider signed nobody in", detail=detail[:500])
            raise NotLetIn("oidc_refused")
        code, nonce, verifier = query["code"], kept["n"], kept["v"]
        said = await self._asked(lambda: self._provider.finish(code, nonce, verifier))
        settings = self._settings
        name = name_of(said.claims, settings.oidc_name_claim)
        role = role_of(said.claims, settings.oidc_role_claim, settings.oidc_roles or ())
        if role is None:
            log.warning("nobody of the directory without a role is let in", name=name)
            raise NotLetIn("oidc_no_role", name)
        subject = subject_of(self._issuer, said.subject)
        return Newcomer(subject, name, role, safe_path(kept["a"]), said.id_token)

    async def logout_url(self, id_token: str) -> str | None:
        """Where the directory's own session is ended; None if there is no such place, or it is
        away."""
        back = f"{self._site}/sign-in"
        try:
            return await self._asked(lambda: self._provider.logout_url(id_token, back))
        except NotLetIn:
            return None

    def close(self) -> None:
        """At the end of the process; an answer that still hangs is not waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _asked(self, work: Callable[[], Result]) -> Result:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(_WAIT_S):
                return await loop.run_in_executor(self._threads, work)
        except (ProviderAway, TimeoutError) as error:
            log.warning("the provider cannot be used", issuer=self._issuer, detail=str(error))
            raise NotLetIn("oidc_away") from None
        except ProviderRefused as error:
            log.warning("the provider signed nobody in", detail=str(error))
            raise NotLetIn("oidc_refused") from None
        except ProviderUntrue as error:
            log.error("the provider cannot be trusted", issuer=self._issuer, detail=str(error))
            raise NotLetIn("oidc_untrue") from None


def _cookie(begun: Beginning, after: str, now: float) -> str:
    after = after if len(after) <= _MOST_AFTER else "/"
    kept = {"s": begun.state, "n": begun.nonce, "v": begun.verifier, "a": after, "at": int(now)}
    return base64.urlsafe_b64encode(json.dumps(kept).encode()).decode().rstrip("=")


def _kept(cookie: str | None) -> dict[str, Any] | None:
    """What the cookie has, None of one that is missing or nonsense."""
    if not cookie or len(cookie) > 8192:
        return None
    try:
        kept = json.loads(base64.urlsafe_b64decode(cookie + "=" * (-len(cookie) % 4)))
        is_whole = all(isinstance(kept[name], str) and kept[name].isascii() for name in _TEXTS)
        is_dated = isinstance(kept["at"], int) and 0 <= kept["at"] < _MOST_AT
        return kept if is_whole and is_dated else None
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
