"""TLS to the broker: certificates named by the URL, one context and one set of sentences.

Certificate files travel as `?cafile=…&certfile=…&keyfile=…`, so a URL stays the whole address of a
broker for both AMQP clients. The broker's certificate and host name are always verified.
"""

import re
import ssl
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from common.breakage import EXPIRED, OTHER_HOST, causes
from common.broker.urls import each_url, split_urls, with_query
from common.errors import NotNowError
from common.given import shown_path

FILES = {
    "cafile": "GATEWAY_AMQP_CA_FILE",
    "certfile": "GATEWAY_AMQP_CERT_FILE",
    "keyfile": "GATEWAY_AMQP_KEY_FILE",
}
"""Query parameter → the setting that fills it."""

# The alerts by which a broker asks for a client's certificate, and by which it refuses one. Erlang
# sends the first group over TLS 1.3 and 1.2 respectively.
_WANTS_CERTIFICATE = ("CERTIFICATE_REQUIRED", "HANDSHAKE_FAILURE")
_REFUSES_CERTIFICATE = ("UNKNOWN_CA", "BAD_CERTIFICATE", "CERTIFICATE_EXPIRED")
# Over TLS 1.3 a refusal follows the handshake, and may be lost when the connection is reset. What
# is met then depends on who is quicker, and each AMQP client has words of its own for it.
_HUNG_UP = re.compile(
    r"Connection(Reset|Aborted)Error|BrokenPipeError|IncompleteReadError|Incompatible\w*Error"
    r"|indicated EOF|UNEXPECTED_EOF|\(EOF\)"
)
_GIVE_CERTIFICATE = "give a client certificate in GATEWAY_AMQP_CERT_FILE and GATEWAY_AMQP_KEY_FILE"


def with_tls_files(urls: str, files: dict[str, Path | None]) -> str:
    """The URLs of a broker with these files (by query parameter), where they name none."""

    def added(url: str) -> str:
        given = _query(url)
        chosen = {n: str(path) for n, path in files.items() if path is not None and n not in given}
        return with_query(url, chosen)

    return each_url(urls, added)


def without_tls_files(url: str) -> str:
    """The URL without certificate files, for a parser that does not know them."""
    base, _, query = url.partition("?")
    kept = [part for part in query.split("&") if part and part.partition("=")[0] not in FILES]
    return f"{base}?{'&'.join(kept)}" if kept else base


def check_tls_files(urls: str) -> None:
    """Raise NotNowError when a certificate file of a broker's URLs cannot be used."""
    for url in split_urls(urls):
        tls_context(url)


def tls_context(url: str) -> ssl.SSLContext | None:
    """The context for an `amqps://` URL; None for `amqp://`.

    Raises NotNowError when a certificate file cannot be used. Reads the files each time: a
    renewed certificate counts from the next connection on.
    """
    if not url.startswith("amqps://"):
        return None
    files = {name: path for name, (path, *_) in _query(url).items() if name in FILES}
    for name, path in files.items():
        _expect_readable(name, path)
    try:
        context = ssl.create_default_context(cafile=files.get("cafile"))
    except ssl.SSLError as error:
        raise NotNowError(
            f"{_words('cafile', files['cafile'])} holds no certificate in PEM form"
        ) from error
    except OSError as error:  # it was there a moment ago
        raise _unreadable("cafile", files["cafile"], error) from error
    if "certfile" in files:
        _load_own(context, files["certfile"], files.get("keyfile"))
    return context


def tls_fault(error: BaseException, url: str) -> str | None:
    """Why TLS with the server of `url` failed and what to do; None when TLS was not the cause.

    A clause that begins in lower case.
    """
    parts = urlsplit(url)
    server = f"the broker at {parts.hostname or 'localhost'}"
    met = list(causes(error))
    for cause in met:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return _distrust(cause, server)
    reasons = [cause.reason for cause in met if isinstance(cause, ssl.SSLError)]
    # pika keeps the error that it met in words only.
    said = f"{' '.join(map(str, met))} {met!r}"
    for reason in (*reasons, *re.findall(r"\[SSL: (\w+)\]", said)):
        if reason and not _HUNG_UP.search(reason):
            return _alert(reason, server)
    if parts.scheme in ("amqps", "https") and _HUNG_UP.search(said):
        return (
            f"{server} hung up in the TLS handshake or right after it: if it demands one, "
            f"{_GIVE_CERTIFICATE}; else check the URL's port"
        )
    return None


def _distrust(error: ssl.SSLCertVerificationError, server: str) -> str:
    if error.verify_code in OTHER_HOST:
        return (
            f"the certificate of {server} is not for that name: use a host name that is in the "
            "certificate, or have one made for this name"
        )
    if error.verify_code == EXPIRED:
        return f"the certificate of {server} has expired: renew it there"
    return (
        f"the certificate of {server} cannot be trusted ({error.verify_message}): set "
        "GATEWAY_AMQP_CA_FILE to the authority that signed it"
    )


def _alert(name: str, server: str) -> str:
    if any(word in name for word in _WANTS_CERTIFICATE):
        return f"{server} demands a client certificate: {_GIVE_CERTIFICATE}"
    if any(word in name for word in _REFUSES_CERTIFICATE):
        return (
            f"{server} refuses the client certificate: have GATEWAY_AMQP_CERT_FILE signed by an "
            "authority that the broker trusts"
        )
    return f"TLS with {server} failed ({name}): check the URL's scheme and port"


def _load_own(context: ssl.SSLContext, certificate: str, key: str | None) -> None:
    try:
        # A password is given, or OpenSSL would ask the terminal for an encrypted key's.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        own = _words("certfile", certificate)
        if error.reason == "KEY_VALUES_MISMATCH":
            fault = f"{own} and {_words('keyfile', key or certificate)} do not belong together"
        else:
            fault = f"{own} and its key must be a certificate and an unencrypted key in PEM form"
        raise NotNowError(fault) from error
    except OSError as error:
        raise NotNowError(
            f"{_words('certfile', certificate)} or its key cannot be read: {error.strerror}"
        ) from error


def _expect_readable(name: str, path: str) -> None:
    try:
        with Path(path).open("rb"):
            pass
    except OSError as error:
        raise _unreadable(name, path, error) from error


def _unreadable(name: str, path: str, error: OSError) -> NotNowError:
    return NotNowError(f"{_words(name, path)} cannot be read: {error.strerror}")


def _words(name: str, path: str) -> str:
    return f"{shown_path(path)} ({FILES[name]})"


def _query(url: str) -> dict[str, list[str]]:
    return parse_qs(url.partition("?")[2])
