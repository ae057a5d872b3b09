"""Why a connection failed, in our words: those of the client libraries are for programmers.

A library's exception says only that something broke; what did is the exception of the network or
of TLS that it came from.
"""

import errno
import re
import socket
import ssl
from collections.abc import Callable, Iterator
from typing import Any, Final

EXPIRED: Final = 10  # OpenSSL's X509_V_ERR_CERT_HAS_EXPIRED
OTHER_HOST: Final = (62, 64)  # host name, IP address mismatch
_UNKNOWN_SIGNER: Final = (18, 19, 20, 21)  # self-signed, also in the chain; issuer not found

NO_ANSWER: Final = "no answer came in time"
HUNG_UP: Final = "the other side closed the connection"
NO_WHOLE_ANSWER: Final = "the connection ended without a whole HTTP answer"
PROXY_REFUSES: Final = "the proxy refuses to connect us"

_ROUTES: Final = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN)
_NOT_TLS: Final = ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "HTTP_REQUEST", "RECORD_LAYER")
_OF_THE_SYSTEM: Final = ("builtins", "socket", "ssl")
_NUMBERED: Final = re.compile(r"\[Errno (\d+)\]")


def breakage(error: BaseException) -> str | None:
    """A clause in lower case, without names and addresses; None when it was not the connection."""
    met = [cause for cause in causes(error) if type(cause).__module__ in _OF_THE_SYSTEM]
    for kind, words in _WORDS:
        for cause in met:
            if isinstance(cause, kind) and (said := words(cause)):
                return said
    return None


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """The error and what it came from, outermost first."""
    seen: set[int] = set()
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is None or id(one) in seen:
            continue
        seen.add(id(one))
        yield _numbered(one)
        waiting.append(one.__cause__ or one.__context__)
        if isinstance(one, BaseExceptionGroup):
            waiting += one.exceptions


def _numbered(error: BaseException) -> BaseException:
    """Where several addresses failed, asyncio has one error without a number for all of them."""
    if type(error) is OSError and error.errno is None:
        numbers = {int(number) for number in _NUMBERED.findall(str(error))}
        if len(numbers) == 1:
            return OSError(numbers.pop(), "")
    return error


def _of_name(error: Any) -> str:
    if error.errno == socket.EAI_NONAME:
        return "the host name is unknown"
    return "the host name could not be looked up"


def _of_certificate(error: Any) -> str:
    code = getattr(error, "verify_code", None)
    if code == EXPIRED:
        return "the certificate has expired"
    if code in OTHER_HOST:
        return "the certificate is not for this host name"
    if code in _UNKNOWN_SIGNER:
        return "the certificate is signed by no authority that is trusted here"
    return "the certificate cannot be trusted"


def _of_tls(error: Any) -> str:
    reason = getattr(error, "reason", None) or ""
    if any(word in reason for word in _NOT_TLS):
        return "the port does not speak TLS"
    return f"TLS failed ({reason})" if reason else "TLS failed"


def _of_system(error: Any) -> str | None:
    if error.errno in _ROUTES:
        return "no way leads to the host"
    return f"the connection failed ({error.strerror})" if error.strerror else None


def _always(words: str) -> "Words":
    return lambda _: words


Kinds = type[BaseException] | tuple[type[BaseException], ...]
Words = Callable[[Any], str | None]

_WORDS: Final[tuple[tuple[Kinds, Words], ...]] = (
    (socket.gaierror, _of_name),
    (UnicodeError, _always("the host name cannot be one")),
    (ssl.SSLCertVerificationError, _of_certificate),
    ((ssl.SSLEOFError, ssl.SSLZeroReturnError), _always(HUNG_UP)),
    (ssl.SSLError, _of_tls),
    (ConnectionRefusedError, _always("the connection was refused: nothing listens there")),
    (ConnectionError, _always(HUNG_UP)),
    (TimeoutError, _always(NO_ANSWER)),
    (OSError, _of_system),
)
"""What was met → how it is told; the first line that fits counts, whatever came of it."""
