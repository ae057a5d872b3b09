"""OpenID Connect providers: a real one from a package, and one that says what the test wants."""

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
from joserfc import jwt
from joserfc.jwk import KeySet, RSAKey

from deploy.local.node import free_port
from tests.support.polling import until

CLIENT_ID = "gateway-console"


@contextmanager
def real_provider() -> Iterator[str]:
    """The issuer of `oidc-provider-mock`, a process of its own; PUT /users/<sub> sets claims."""
    port = free_port()
    command = [sys.executable, "-W", "ignore", "-m", "oidc_provider_mock", "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    issuer = f"http://127.0.0.1:{port}"
    try:
        until(lambda: _answers(f"{issuer}/.well-known/openid-configuration"), what="the provider")
        yield issuer
    finally:
        process.terminate()
        process.wait(10)


def _answers(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.TransportError:
        return False


class LyingProvider:
    """Signs in ada of the group ops, and does with the answer what `change` says.

    change: of the claims; key: what signs, by RS256 or as `sign` says; answers: path → what is
    answered there instead.
    """

    def __init__(self, server: ThreadingHTTPServer) -> None:
        self.issuer = f"http://127.0.0.1:{server.server_port}"
        self.own_key = RSAKey.generate_key(2048, {"kid": "one"})
        self.key = self.own_key
        self.sign = "RS256"
        self.change: Callable[[dict[str, Any]], object] = lambda claims: None
        self.answers: dict[str, tuple[int, bytes]] = {}
        self.asked: dict[str, str] = {}
        self.used: set[str] = set()

    def authorise(self, url: str) -> str:
        """What the browser comes back with after having been at this URL: its query."""
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
        code = hashlib.sha256(url.encode()).hexdigest()
        return f"code={code}&state={self.asked['state']}"

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, bytes]:
        """What is answered."""
        if path in self.answers:
            return self.answers[path]
        document: dict[str, Any]
        match path:
            case "/.well-known/openid-configuration":
                document = {
                    "issuer": self.issuer,
                    "authorization_endpoint": f"{self.issuer}/authorize",
                    "token_endpoint": f"{self.issuer}/token",
                    "jwks_uri": f"{self.issuer}/keys",
                    "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
                }
            case "/keys":
                document = {"keys": KeySet([self.own_key]).as_dict(private=False)["keys"]}
            case "/token":
                return self._token(form)
            case _:
                return 404, b""
        return 200, json.dumps(document).encode()

    def _token(self, form: dict[str, str]) -> tuple[int, bytes]:
        challenge = hashlib.sha256(form["code_verifier"].encode()).digest()
        if form["code"] in self.used or _encoded(challenge) != self.asked["code_challenge"]:
            return 400, b'{"error": "invalid_grant"}'
        self.used.add(form["code"])
        now = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.issuer,
            "aud": CLIENT_ID,
            "sub": "1",
            "iat": now,
            "exp": now + 300,
            "nonce": self.asked["nonce"],
            "preferred_username": "ada",
            "groups": ["ops"],
        }
        self.change(claims)
        header = {"alg": self.sign, "kid": "one"}
        if self.sign == "RS256":
            token = jwt.encode(header, claims, self.key)
        else:
            token = self._forged(header, claims)
        document = {"access_token": "a", "token_type": "Bearer", "id_token": token}
        return 200, json.dumps(document).encode()

    def _forged(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        """Signed with the public key, as if that were a secret; or not at all."""
        signed = ".".join(_encoded(json.dumps(one).encode()) for one in (header, claims))
        public = self.own_key.as_pem(private=False)
        signature = hmac.digest(public, signed.encode(), "sha256") if self.sign == "HS256" else b""
        return f"{signed}.{_encoded(signature)}"


def _encoded(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


@contextmanager
def lying_provider() -> Iterator[LyingProvider]:
    """One that runs."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer({})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            self._answer({name: values[0] for name, values in parse_qs(body).items()})

        def _answer(self, form: dict[str, str]) -> None:
            status, body = provider.answer(self.path, form)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    provider = LyingProvider(server)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
