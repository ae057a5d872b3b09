"""The trace that a message belongs to, whatever its headers hold."""

from typing import Any

import pytest

from common.watching.tracing import trace_id_of

TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT_ID = "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("told", "trace_id"),
    [
        (f"00-{TRACE_ID}-{PARENT_ID}-01", TRACE_ID),
        (f"00-{TRACE_ID}-{PARENT_ID}-00", TRACE_ID),
        (f"cc-{TRACE_ID}-{PARENT_ID}-01-of-a-later-version", TRACE_ID),
        (f"ff-{TRACE_ID}-{PARENT_ID}-01", None),
        (f"00-{'0' * 32}-{PARENT_ID}-01", None),
        (f"00-{TRACE_ID}-{'0' * 16}-01", None),
        (f"00-{TRACE_ID}", None),
        ("00-1-2-01", None),
        ("", None),
        (b"00", None),
        (7, None),
        ({"a": 1}, None),
    ],
)
def test_trace_id_is_that_of_a_well_formed_traceparent(told: Any, trace_id: str | None) -> None:
    assert trace_id_of({"traceparent": told}) == trace_id


def test_message_without_headers_belongs_to_no_trace() -> None:
    assert trace_id_of({}) is None
