"""One broker, several nodes: a list of AMQP URLs in one string, checked, and the order to try them.

Several URLs are separated by commas. They lead to one vhost as one user, so everything but host,
port and query is the same in all.
"""

import random
import re
from collections.abc import Callable, Mapping, MutableSequence
from functools import lru_cache
from urllib.parse import quote, unquote, urlsplit

SCHEMES = ("amqp", "amqps")
_BETWEEN = re.compile(r"\s*,\s*(?=amqps?://)")
_COMMA = "write a comma inside a user, password or vhost as %2C"


def split_urls(text: str) -> tuple[str, ...]:
    """The URLs of a list; a comma that no URL follows does not divide.

    So a password with a comma that should have been encoded stays in one piece, and masked.
    """
    return tuple(_BETWEEN.split(text.strip()))


def each_url(text: str, change: Callable[[str], str]) -> str:
    """The same list with every URL changed."""
    return ",".join(change(url) for url in split_urls(text))


def with_query(url: str, added: Mapping[str, str]) -> str:
    """One URL with more parameters in its query."""
    if not added:
        return url
    more = "&".join(f"{name}={quote(value, safe='/')}" for name, value in added.items())
    return f"{url}{'&' if '?' in url else '?'}{more}"


def urls_fault(text: str) -> str | None:
    """What is wrong with a list of URLs and what to do, None when nothing is.

    A clause to follow the name of the setting; it shows no part of the URLs.
    """
    urls = split_urls(text)
    try:
        facts = [_facts(url) for url in urls]
    except ValueError:
        return "is not a complete AMQP URL; write it as amqp://user:password@host:5672/vhost"
    if any(scheme not in SCHEMES for scheme, *_ in facts):
        return "must begin with amqp:// or amqps://"
    if any("," in url for url in urls):
        return f"must name each node by its whole URL, separated by commas; {_COMMA}"
    for place, what in enumerate(("schemes", "users or passwords", "vhosts")):
        if len({one[place] for one in facts}) > 1:
            return f"names nodes with different {what}; those of one broker have the same"
    return None


class Addresses:
    """The nodes of one broker: where to connect first, and where next."""

    def __init__(
        self, text: str, shuffle: Callable[[MutableSequence[str]], None] = random.shuffle
    ) -> None:
        self._urls = split_urls(text)
        self._shuffle = shuffle
        self._good: str | None = None
        self._bad: set[str] = set()

    def __len__(self) -> int:
        return len(self._urls)

    def order(self) -> list[str]:
        """Every URL once: the last good one, others in random order, those that failed last."""
        others = [url for url in self._urls if url != self._good]
        self._shuffle(others)
        others.sort(key=self._bad.__contains__)
        return [self._good, *others] if self._good else others

    def worked(self, url: str) -> None:
        """This one has answered: it comes first from now on."""
        self._good = url
        self._bad.discard(url)

    def failed(self, url: str) -> None:
        """This one does not answer: it comes last until it does."""
        self._bad.add(url)
        if self._good == url:
            self._good = None


@lru_cache(maxsize=64)
def addresses_of(text: str) -> Addresses:
    """The addresses of a list, shared by everybody in this process who uses the same one."""
    return Addresses(text)


def _facts(url: str) -> tuple[str, tuple[str, str], str]:
    """What all nodes have in common: scheme, account, vhost. Raises ValueError."""
    parts = urlsplit(url)
    _ = parts.port, parts.hostname  # looked at, they raise what is wrong with them
    account = (unquote(parts.username or "guest"), unquote(parts.password or "guest"))
    return parts.scheme, account, unquote(parts.path[1:]) or "/"
