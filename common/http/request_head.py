"""What the head of a request must be like, beyond the syntax that the parser knows; pure."""

import re
from typing import Final

from common.http.problems import Problem

MAX_HEAD_BYTES: Final = 16 * 1024

Headers = list[tuple[bytes, bytes]]
"""Names in lower case, and values."""

_REQUEST_LINE = re.compile(rb"[A-Z]+ [!-~]+ HTTP/1\.[01]\r\n")
_UPGRADE = re.compile(rb"\r\nupgrade[ \t]*:[^\r\n]*", re.IGNORECASE)
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)", re.IGNORECASE)
_HOST = re.compile(rb"(?:[\w.~!$&'()*+,;=%-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]*)?", re.ASCII)


def check_request_line(begun: bytes) -> None:
    """Tell other protocols by their first line, whole or not: some wait for an answer to it."""
    end = begun.find(b"\n") + 1
    if end and not _REQUEST_LINE.fullmatch(begun, 0, end):
        raise Problem("malformed_request", "the first line is no request line of HTTP/1.1")
    if not end and not begun[:1].isupper():
        raise Problem("malformed_request", "this is not HTTP; the port speaks plain HTTP/1.1")


def without_upgrade(head: bytes) -> bytes:
    """The head without its offer to go on in another protocol, which is not taken up."""
    return _UPGRADE.sub(b"", head)


def target_of(method: bytes, url: bytes, version: str, headers: Headers) -> bytes:
    """The target as a path; the host is given exactly once then, in the header (RFC 9112 3.2)."""
    hosts = [value for name, value in headers if name == b"host"]
    if len(hosts) > 1 or (not hosts and version == "1.1"):
        raise Problem("malformed_request", "a request needs exactly one header Host")
    if found := _ABSOLUTE.match(url):
        hosts = [found[1]]
        headers[:] = [header for header in headers if header[0] != b"host"]
        headers.append((b"host", found[1]))
        url = url[found.end() :]
        if not url.startswith(b"/"):
            url = b"/" + url
    if not url.startswith(b"/") and (method, url) != (b"OPTIONS", b"*"):
        raise Problem("malformed_request", "the target is neither a path nor an http URL")
    if hosts and not _HOST.fullmatch(hosts[0]):
        raise Problem("malformed_request", "the host is no name or address with a port")
    return url


def body_length(version: str, headers: Headers) -> int | None:
    """Bytes of the body, None for a chunked one; in doubt nobody may guess (RFC 9112 6.3)."""
    lengths = [value for name, value in headers if name == b"content-length"]
    codings = [value for name, value in headers if name == b"transfer-encoding"]
    if not codings:
        return int(lengths[0]) if lengths else 0
    is_chunked = len(codings) == 1 and codings[0].lower() == b"chunked"
    if lengths or not is_chunked or version != "1.1":
        sentence = "a body has either Content-Length or Transfer-Encoding: chunked"
        raise Problem("malformed_request", sentence)
    return None
