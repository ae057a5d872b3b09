"""One problem of each kind that every application has, and all of an application by their codes."""

from typing import Final

from common.http.catalogue import CATALOGUE
from common.http.documentation.openapi import Examples
from common.http.problems import Problem

_SHARED: Final = (
    Problem("malformed_request", "a request needs exactly one header Host"),
    Problem(
        "malformed_json",
        "the body is not a JSON document in UTF-8: expected value at line 1 column 8",
    ),
    Problem("incomplete_body", "the connection was closed before the body's end"),
    Problem("unauthorized", "this path needs the header Authorization: Bearer <key>"),
    Problem("foreign_origin", "without a key only the gateway's own pages may call it"),
    Problem("not_found", "there is no such error code"),
    Problem("body_timeout", "the body did not arrive within 30 s"),
    Problem("header_timeout", "the head did not arrive within 10 s"),
    Problem("body_too_large", "the body may have at most 1048576 bytes"),
    Problem("unsupported_media_type", "the header Content-Type must be application/json"),
    Problem("foreign_host", "without a key only localhost and 127.0.0.1 are answered"),
    Problem("headers_too_large", "the head may have at most 16384 bytes"),
    Problem("internal_error", "the gateway could not handle this request"),
    Problem("too_many_connections", "no further connection is taken now"),
    Problem("stopping", "the gateway had to stop before this was answered"),
)


def problems_by_code(*own: Problem) -> Examples:
    """The problems that all applications have and those of this one, in the catalogue's order."""
    found = {problem.kind.code: problem.document() for problem in (*_SHARED, *own)}
    return {code: found[code] for code in CATALOGUE if code in found}
