"""One OpenID Connect provider, asked by its own rules; the only user of Authlib.

Authorization code with PKCE (RFC 7636), state and nonce; what the provider says of itself
(discovery) and its keys are asked for again after a while. Everything here blocks.
"""

import secrets
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from joserfc.jws import JWSRegistry

from common.settings import Settings

TIMEOUT_S: Final = 5.0
_KNOWN_FOR_S: Final = 600.0
_KEYS_AT_MOST_EVERY_S: Final = 10.0
_LEEWAY_S: Final = 120  # two clocks
_MOST_TOKEN: Final = 64 * 1024
# None by a shared secret, and none without a signature.
_ALGORITHMS: Final = {
    *("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"),
    *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
}


class ProviderAway(Exception):
    """It cannot be reached, or answers what makes no sense."""


class ProviderUntrue(Exception):
    """What it said cannot be trusted: signature, issuer, audience, nonce, time."""


class ProviderRefused(Exception):
    """It did not sign the person in, or does not know the code."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What the browser keeps until it is back. url: where it goes meanwhile."""

    url: str
    state: str
    nonce: str
    verifier: str


@dataclass(frozen=True, slots=True)
class Said:
    """What the provider said of a person. id_token: what its logout wants to see."""

    subject: str
    claims: Mapping[str, Any]
    id_token: str


@dataclass(slots=True)
class _Known:
    metadata: Mapping[str, Any]
    keys: KeySet
    at: float


class Provider:
    """The one of the settings. role_claim: asked for at its userinfo if the token lacks it."""

    def __init__(self, settings: Settings, redirect_url: str, role_claim: str) -> None:
        self._settings = settings
        self._issuer = settings.oidc_issuer or ""
        self._redirect_url = redirect_url
        self._role_claim = role_claim
        self._known: _Known | None = None

    def begin(self) -> Beginning:
        """A way in. Raises ProviderAway."""
        metadata = self._current().metadata
        state, nonce, verifier = (secrets.token_urlsafe(32) for _ in range(3))
        with self._session() as session, _translated():
            url, _ = session.create_authorization_url(
                metadata["authorization_endpoint"], state, code_verifier=verifier, nonce=nonce
            )
        return Beginning(url, state, nonce, verifier)

    def finish(self, code: str, nonce: str, verifier: str) -> Said:
        """What it says of who came back with this code.

        Raises ProviderAway, ProviderRefused, ProviderUntrue.
        """
        known = self._current()
        with self._session() as session, _translated():
            token = session.fetch_token(
                known.metadata["token_endpoint"],
                grant_type="authorization_code",
                code=code,
                code_verifier=verifier,
            )
            id_token = str(token["id_token"])
            claims = self._claims(known, id_token, nonce, str(token["access_token"]))
            if self._lacks_role(claims) and "userinfo_endpoint" in known.metadata:
                more = _json_of(session.get(known.metadata["userinfo_endpoint"]))
                if more.get("sub") != claims["sub"]:
                    raise ProviderUntrue("its userinfo is about somebody else")
                claims = more | claims
        return Said(str(claims["sub"]), claims, id_token)

    def logout_url(self, id_token: str, back: str) -> str | None:
        """Where its own session is ended, if it has such a place. Raises ProviderAway."""
        end = self._current().metadata.get("end_session_endpoint")
        if not isinstance(end, str):
            return None
        values = {
            "id_token_hint": id_token,
            "client_id": self._settings.oidc_client_id,
            "post_logout_redirect_uri": back,
        }
        return f"{end}{'&' if '?' in end else '?'}{urlencode(values)}"

    def _lacks_role(self, claims: Mapping[str, Any]) -> bool:
        names = (self._role_claim.partition(".")[0], self._settings.oidc_name_claim)
        return any(name not in claims for name in names)

    def _claims(
        self, known: _Known, id_token: str, nonce: str, access_token: str
    ) -> dict[str, Any]:
        if len(id_token) > _MOST_TOKEN:
            raise ProviderUntrue("its token is longer than any can be")
        offered = known.metadata.get("id_token_signing_alg_values_supported") or ["RS256"]
        registry = JWSRegistry(
            algorithms=sorted(_ALGORITHMS.intersection(offered)), strict_check_header=False
        )
        try:
            decoded = jwt.decode(id_token, known.keys, registry=registry)
        except (JoseError, ValueError):
            decoded = jwt.decode(id_token, self._newer_keys(known), registry=registry)
        client_id = self._settings.oidc_client_id
        claims = CodeIDToken(
            decoded.claims,
            decoded.header,
            options={
                "iss": {"essential": True, "value": self._issuer},
                "aud": {"essential": True, "value": client_id},
                "sub": {"essential": True},
            },
            params={"nonce": nonce, "client_id": client_id, "access_token": access_token},
        )
        claims.validate(leeway=_LEEWAY_S)
        return dict(claims)

    def _newer_keys(self, known: _Known) -> KeySet:
        """Its keys, asked for anew: it may have replaced them. The same if that was just done."""
        if time.monotonic() >= known.at + _KEYS_AT_MOST_EVERY_S:
            self._known = None
            known.keys = self._current().keys
        return known.keys

    def _current(self) -> _Known:
        known = self._known
        if known is None or time.monotonic() >= known.at + _KNOWN_FOR_S:
            known = self._known = self._discover()
        return known

    def _discover(self) -> _Known:
        url = f"{self._issuer.rstrip('/')}/.well-known/openid-configuration"
        with self._session() as session, _translated():
            metadata = _json_of(session.get(url, withhold_token=True))
            if metadata.get("issuer") != self._issuer:
                raise ProviderAway(
                    f"it calls itself {str(metadata.get('issuer'))[:200]!r}: GATEWAY_OIDC_ISSUER "
                    "must be exactly that"
                )
            keys: Any = _json_of(session.get(metadata["jwks_uri"], withhold_token=True))
            try:
                return _Known(metadata, KeySet.import_key_set(keys), time.monotonic())
            except JoseError as error:
                raise ProviderAway(f"its keys cannot be read: {error}"[:500]) from error

    def _session(self) -> OAuth2Session:
        secret = self._settings.oidc_client_secret
        session = OAuth2Session(
            self._settings.oidc_client_id,
            secret.get_secret_value() if secret else None,
            token_endpoint_auth_method=None if secret else "none",
            scope=self._settings.oidc_scopes,
            redirect_uri=self._redirect_url,
            code_challenge_method="S256",
            default_timeout=TIMEOUT_S,
        )
        session.max_redirects = 3
        if self._settings.oidc_ca_file is not None:
            session.verify = str(self._settings.oidc_ca_file)
        return session


@contextmanager
def _translated() -> Iterator[None]:
    """What the library raises, in our own words."""
    try:
        yield
    except OAuthError as error:
        raise ProviderRefused(f"{error.error}: {error.description or ''}"[:500]) from error
    except JoseError as error:
        raise ProviderUntrue(f"{type(error).__name__}: {error}"[:500]) from error
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProviderAway(f"{type(error).__name__}: {error}"[:500]) from error


def _json_of(answer: Any) -> dict[str, Any]:
    answer.raise_for_status()
    document = answer.json()
    if not isinstance(document, dict):
        raise ValueError("it answers no JSON object")
    return document
