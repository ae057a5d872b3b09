"""The sandbox's reading of the Bot API's HTML."""

import contextlib
import time

import pytest

from deploy.sandbox.telegram.entities import EntityError, plain_text

LARGE = 200_000
SOON_S = 2.0  # a pattern that goes back takes minutes


@pytest.mark.parametrize(
    ("markup", "text"),
    [
        ("", ""),
        ("I &lt;3 <b>you</b> &amp; <I>me</I>", "I <3 you & me"),
        ('<a href="https://example.com/?a>b">here</a>!', "here!"),
        ("<pre><code class='language-python'>x</code></pre >", "x"),
        ("a > b", "a > b"),
    ],
)
def test_markup_comes_to_its_text(markup: str, text: str) -> None:
    assert plain_text(markup) == text


@pytest.mark.parametrize(
    ("markup", "fault"),
    [
        ("я <b", "Unclosed start tag at byte offset 3"),
        ("<a href='x>here</a>", "Unclosed start tag at byte offset 0"),
        ("<b>a</b", "Unclosed end tag at byte offset 4"),
        ("<!-- a -->", 'Unsupported start tag "" at byte offset 0'),
        ("<script>a</script>", 'Unsupported start tag "script" at byte offset 0'),
    ],
)
def test_markup_that_is_none_is_refused(markup: str, fault: str) -> None:
    with pytest.raises(EntityError, match=fault):
        plain_text(markup)


@pytest.mark.parametrize("piece", ["<!--", "</", "<a ", "<a x='", '<a x="', "&#", "<b>", "<b></b>"])
def test_no_markup_takes_long(piece: str) -> None:
    began = time.perf_counter()
    with contextlib.suppress(EntityError):
        plain_text(piece * (LARGE // len(piece)))
    assert time.perf_counter() - began < SOON_S
