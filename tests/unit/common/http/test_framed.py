"""HTML of others in a frame."""

import pytest

from common.http.answers.framed import framed


@pytest.mark.parametrize(
    "link", ['<link rel="preconnect" href="//e.example">', "<LINK/rel=dns-prefetch>", "<link\n>"]
)
def test_what_no_policy_forbids_is_taken_out(link: str) -> None:
    made = framed(f"<p>before</p>{link}<p>after</p>")
    assert "<link" not in made.lower()
    assert made.endswith("<p>after</p>")
    assert "<p>before</p>" in made


def test_policy_stands_before_everything() -> None:
    made = framed("<!doctype html><title>x</title><a href='//e.example'>x</a>")
    assert made.startswith('<!doctype html><meta http-equiv="Content-Security-Policy"')
    assert made.index("dns-prefetch-control") < made.index("<title>")
