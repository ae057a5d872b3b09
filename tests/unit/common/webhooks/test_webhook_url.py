"""URLs of webhooks: one form of each, and none that two readers could understand differently."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.webhooks.url import MOST_CHARACTERS, WebhookUrl, parse_webhook

SAME = {
    "https://shop.example.com/hooks": "https://shop.example.com/hooks",
    "HTTPS://Shop.Example.COM/Hooks": "https://shop.example.com/Hooks",
    "https://shop.example.com": "https://shop.example.com/",
    "https://shop.example.com:443/": "https://shop.example.com/",
    "https://shop.example.com:8443/a": "https://shop.example.com:8443/a",
    "http://shop.example.com:80/": "http://shop.example.com/",
    "https://shop.example.com./": "https://shop.example.com/",
    "https://shop.example.com?a=1": "https://shop.example.com/?a=1",
    "https://shop.example.com/?": "https://shop.example.com/?",
    "https://shop.example.com/a%20b?c=%D1%8F&d=[1]": (
        "https://shop.example.com/a%20b?c=%D1%8F&d=[1]"
    ),
    "https://shop.example.com/@ada:1/x@y": "https://shop.example.com/@ada:1/x@y",
    "https://Пример.рф/": "https://xn--e1afmkfd.xn--p1ai/",
    "https://xn--e1afmkfd.xn--p1ai./": "https://xn--e1afmkfd.xn--p1ai/",
    "https://a_b.internal/": "https://a_b.internal/",
    "https://93.184.216.34/": "https://93.184.216.34/",
    "https://93.184.216.34./": "https://93.184.216.34/",
    "https://９３.184.216.34/": "https://93.184.216.34/",
    "https://93。184。216。34/": "https://93.184.216.34/",
    "https://[2606:2800:0220:0001:0:0:0:1]:8443/": "https://[2606:2800:220:1::1]:8443/",
    "https://[::FFFF:93.184.216.34]/": "https://[::ffff:5db8:d822]/",
}
REFUSED = {
    "": "must begin with https",
    "shop.example.com/hooks": "must begin with https",
    "ftp://shop.example.com/": "must begin with https",
    "file:///etc/passwd": "must begin with https",
    "gopher://127.0.0.1:25/": "must begin with https",
    "https:/shop.example.com": "must begin with https",
    "https://": "host or port",
    "https:///path": "host or port",
    "https://?a": "host or port",
    "https://user@shop.example.com/": "user and password",
    "https://user:word@shop.example.com/": "user and password",
    "https://shop.example.com@10.0.0.1/": "user and password",
    "https://shop.example.com:word@10.0.0.1/": "user and password",
    "https://shop.example.com\\@10.0.0.1/": "user and password",
    "https://shop.example.com\\.evil.example/": "host is none",
    "https://shop.example.com%2f@evil.example/": "user and password",
    "https://shop%2eexample.com/": "host is none",
    "https://shop.example.com/a#b": "fragment",
    "https://shop.example.com#@10.0.0.1/": "fragment",
    "https://shop.example.com/ a": "spaces or control",
    "https://shop.example\n.com/": "spaces or control",
    "https://shop.\texample.com/": "spaces or control",
    " https://shop.example.com/": "spaces or control",
    "https://shop.example.com/\x00": "spaces or control",
    "https://shop.example.com/я": "percent-encoded",
    "https://shop.example.com/\u2028": "percent-encoded",
    "https://shop.example.com/%zz": "percent-encoded",
    "https://shop.example.com/%": "percent-encoded",
    "https://shop.example.com/a\\b": "percent-encoded",
    "https://shop.example.com/<a>": "percent-encoded",
    "https://shop.example.com:0/": "port",
    "https://shop.example.com:65536/": "port",
    "https://shop.example.com:-1/": "port",
    "https://shop.example.com:http/": "port",
    "https://shop.example.com:/": "port",
    "https://shop.example.com:1:2/": "port",
    "https://shop..example.com/": "host is none",
    "https://.example.com/": "host is none",
    "https://shop.example.com../": "host is none",
    "https://-shop.example.com/": "host is none",
    f"https://{'a' * 64}.example.com/": "host is none",
    f"https://{'a.' * 130}com/": "host is none",
    "https://shop,example.com/": "host is none",
    "https://\u200b/": "ASCII form",
    "https://xn--\u0430.example/": "ASCII form",
    "https://[::1/": "host or port",
    "https://::1/": "host or port",
    "https://[::1]x/": "host or port",
    "https://a[::1]/": "host or port",
    "https://[fe80::1%25eth0]/": "host or port",
    "https://[fe80::1%eth0]/": "host or port",
    "https://[1:2]/": "IPv6 address",
    "https://[]/": "host or port",
    # IPv4 in forms that some readers know
    "https://2130706433/": "four decimal numbers",
    "https://0x7f000001/": "four decimal numbers",
    "https://0x7f.0.0.1/": "four decimal numbers",
    "https://0X7F.1/": "four decimal numbers",
    "https://0177.0.0.1/": "four decimal numbers",
    "https://017700000001/": "four decimal numbers",
    "https://127.1/": "four decimal numbers",
    "https://127.0.1/": "four decimal numbers",
    "https://127.0.0.01/": "four decimal numbers",
    "https://127.0.0.256/": "four decimal numbers",
    "https://127.0.0.1.1/": "four decimal numbers",
    "https://1.2.3.0x4./": "four decimal numbers",
    "https://example.0x/": "four decimal numbers",
    "https://example.1/": "four decimal numbers",
    "https://①27.1/": "four decimal numbers",
    "https://shop.example.com/" + "a" * MOST_CHARACTERS: "characters",
}


@pytest.mark.parametrize(("given_as", "kept"), SAME.items())
def test_url_has_one_form(given_as: str, kept: str) -> None:
    url = parse_webhook(given_as)
    assert str(url) == kept
    assert parse_webhook(kept) == url


@pytest.mark.parametrize(("address", "says"), REFUSED.items())
def test_url_that_is_none_is_refused(address: str, says: str) -> None:
    with pytest.raises(ValueError, match=re.escape(says)):
        parse_webhook(address)


def test_parts_are_what_is_called() -> None:
    assert parse_webhook("HTTP://[::1]:8080/a?b") == WebhookUrl("http", "::1", 8080, "/a?b")
    assert parse_webhook("HTTP://[::1]:8080/a?b").authority == "[::1]:8080"


@given(st.text(max_size=40) | st.from_regex(r"https?://[^/]{0,20}(:\d*)?/.{0,10}"))
def test_what_passes_is_ascii_and_stays_as_it_is(text: str) -> None:
    try:
        url = parse_webhook(text)
    except ValueError:
        return
    assert str(url).isascii()
    assert str(url).isprintable()
    assert str(parse_webhook(str(url))) == str(url)
