"""Keeps secrets out of whatever is stored, logged, published and shown.

A process learns the secrets of its settings as it reads them. What libraries, providers and our own
tracebacks say may quote them, in the forms that they travel in; each form is hidden.
"""

import base64
import html
import json
import re
from collections.abc import Iterable, Iterator
from typing import Final
from urllib.parse import parse_qsl, quote, quote_plus, unquote, urlsplit

HIDDEN: Final = "[hidden]"

_LEAST_CHARS: Final = 6  # of a secret in a log, or torn apart: a shorter one may be any word
_LEAST_PIECE: Final = 6  # of one that a text was cut in
_TEAR: Final = r"\s|\\{1,4}[nrt]"  # also as JSON has it, once or twice: so logs are written
_KEYS: Final = re.compile(r"(?<=gwk_live_|gwk_test_|gwk_team_)\w{20,}")  # of clients
_TOKENS: Final = re.compile(  # live ones; looked for once in each word, or long words took minutes
    r"(?<![\w-])((?:(?!\beyJ)[\w-])*+)\beyJ[\w-]++\.[\w-]++\.[\w-]++"
)
_IN_QUERY: Final = frozenset({"password", "sslpassword"})
_BETWEEN: Final = re.compile(r",(?=\s*[a-z]+://)")


class Redactor:
    """Hides secrets in texts. secrets: as they are used; each is hidden in all its forms."""

    def __init__(self, secrets: Iterable[str | None] = ()) -> None:
        self.secrets = frozenset(secret for secret in secrets if secret)
        forms = {form for secret in self.secrets for form in _forms(secret)}
        # Longest first, so that a part of a secret does not spoil the search for the whole.
        self._forms = sorted(forms, key=lambda form: (-len(form), form))
        self._wholes = {form: "".join(form.split()) for form in self._forms}

    def hide(self, text: str, *, is_cut: bool = False) -> str:
        """The text without them, also where blanks or line ends stand within one.

        is_cut: the text may end within a secret; so much of it as is there is hidden too.
        """
        squeezed = "".join(text.split())
        unescaped = re.sub(_TEAR, "", text) if "\\" in text else squeezed
        for form, whole in self._wholes.items():
            text = text.replace(form, HIDDEN)
            if len(whole) >= _LEAST_CHARS and (whole in squeezed or whole in unescaped):
                text = re.sub(f"(?:{_TEAR})*".join(map(re.escape, whole)), HIDDEN, text)
        return self._without_piece(text) if is_cut else text

    def _without_piece(self, text: str) -> str:
        for form in self._forms:
            for length in range(len(form) - 1, _LEAST_PIECE - 1, -1):
                if text.endswith(form[:length]):
                    return text[:-length] + HIDDEN
        return text


_process = Redactor()


def learn(settings: Iterable[str]) -> None:
    """Have the secrets in these settings hidden from now on, wherever this process calls `hide`.

    A command reads settings more than once, also another gateway's: what it learnt before stays.
    """
    global _process
    found = {secret for text in settings for secret in secrets_in(text)}
    _process = Redactor({*_process.secrets, *(one for one in found if len(one) >= _LEAST_CHARS)})


def hide(text: str) -> str:
    """The text without what this process has learnt, and without keys and tokens of clients."""
    text = _process.hide(text)
    if "gwk_" in text:
        text = _KEYS.sub(HIDDEN, text)
    if "eyJ" in text:
        text = _TOKENS.sub(rf"\1{HIDDEN}", text)
    return text


def secrets_in(text: str) -> Iterator[str]:
    """What is secret in a setting: of URLs their passwords, of a list each of its parts."""
    if "://" in text:
        for url in _BETWEEN.split(text):
            yield from _of_url(url.strip())
        return
    yield text
    for one in text.split(","):  # keys that sign
        yield one.strip()
        yield one.strip().removeprefix("whsec_")
    yield text.partition(":")[2]  # of a bot's token the part behind its number


def _of_url(url: str) -> Iterator[str]:
    """What stands between the first colon of the account and its last @, and in the query."""
    account, at, _ = url.partition("://")[2].partition("?")[0].rpartition("@")
    user, _, password = account.partition(":")
    if at and password != user:  # a private node's: a word that sentences need, and no secret
        yield from (password, unquote(password))
    try:
        query = urlsplit(url).query
    except ValueError:
        return
    yield from (value for name, value in parse_qsl(query) if name.lower() in _IN_QUERY)


def _forms(secret: str) -> Iterator[str]:
    """The secret, and as URLs, JSON, Python, HTML, base64 and hexadecimal write it."""
    yield secret
    for quoted in (quote(secret), quote(secret, safe=""), quote_plus(secret)):
        yield quoted
        yield re.sub("%..", lambda found: found[0].lower(), quoted)
    for is_ascii in (True, False):
        once = json.dumps(secret, ensure_ascii=is_ascii)[1:-1]
        yield once
        yield json.dumps(once, ensure_ascii=is_ascii)[1:-1]
    yield repr(secret)[1:-1]
    yield html.escape(secret)
    octets = secret.encode(errors="surrogateescape")
    if len(octets) >= _LEAST_CHARS:
        yield octets.hex()
        yield octets.hex().upper()
        yield from _in_base64(octets)


def _in_base64(octets: bytes) -> Iterator[str]:
    """What is the same in base64 whatever stands before and behind, at each of its three places."""
    for before in range(3):
        whole = base64.b64encode(bytes(before) + octets).decode()
        first = (0, 2, 3)[before]  # these characters hold bits of what stands before
        last = len(whole.rstrip("=")) - ((before + len(octets)) % 3 != 0)
        yield whole[first:last]
        yield whole[first:last].translate(str.maketrans("+/", "-_"))
