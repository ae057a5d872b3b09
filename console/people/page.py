"""The pages about signing in: plain HTML without scripts; what comes from outside is escaped."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from console.people.forgery import FORM_FIELD
from console.people.texts import text

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1c2024; --paper: #f6f7f9; --card: #fff; --line: #c4cad3;
  --accent: #2457c5; --on-accent: #fff; --bad: #b3261e; --quiet: #555f6d; }
@media (prefers-color-scheme: dark) { :root { --ink: #e7eaee; --paper: #14171a; --card: #1d2125;
  --line: #4a525c; --accent: #9ebcff; --on-accent: #10131a; --bad: #ffb4ab; --quiet: #aab3bf; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 16px;
  background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 380px; background: var(--card); border: 1px solid var(--line);
  border-radius: 10px; padding: 24px; overflow-wrap: anywhere; }
h1 { font-size: 1.4rem; margin: 0 0 4px; } p { margin: 8px 0; }
.quiet { color: var(--quiet); font-size: .9rem; } .bad { color: var(--bad); font-weight: 600; }
label { display: block; margin: 14px 0 4px; font-weight: 600; }
input { width: 100%; padding: 10px; font: inherit; color: inherit; background: transparent;
  border: 1px solid var(--line); border-radius: 6px; }
button, .button { display: block; width: 100%; margin-top: 18px; padding: 10px; font: inherit;
  font-weight: 600; text-align: center; text-decoration: none; border: 1px solid var(--accent);
  border-radius: 6px; background: var(--accent); color: var(--on-accent); cursor: pointer; }
.other { background: transparent; color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
details { margin-top: 20px; } summary { cursor: pointer; color: var(--accent); }
code { display: block; padding: 8px; border: 1px solid var(--line); border-radius: 6px; }
"""

_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

HEADERS: Final = [
    (b"content-type", b"text/html; charset=utf-8"),
    (
        b"content-security-policy",
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'".encode(),
    ),
    (b"x-frame-options", b"DENY"),
    # Without a referrer a browser would not say which page a form is sent from.
    (b"referrer-policy", b"same-origin"),
]
FIRST_USER: Final = "gateway console user add NAME --role admin"


@dataclass(frozen=True, slots=True)
class SignInPage:
    """What the page shows. fault: a sentence; after: where to go then; directory: its host."""

    language: str
    token: str
    after: str
    fault: str | None = None
    name: str = ""
    has_key: bool = False
    has_nobody: bool | None = False
    directory: str | None = None
    directory_href: str = ""

    def html(self) -> str:
        """The whole page."""
        parts = [_fault(self.fault), self._notice(), self._directory(), self._password()]
        if self.has_key:
            parts.append(self._key())
        return _page(self.language, text("title", self.language), parts)

    def _say(self, key: str, **values: object) -> str:
        return escape(text(key, self.language, **values))

    def _notice(self) -> str:
        if self.has_nobody is None:
            return f"<p>{self._say('store_away')}</p>"
        if self.has_nobody:
            return f"<p>{self._say('nobody_yet')}</p><code>{escape(FIRST_USER)}</code>"
        return ""

    def _directory(self) -> str:
        if self.directory is None:
            return ""
        words = self._say("by_directory", host=self.directory)
        return f'<a class="button" href="{escape(self.directory_href)}">{words}</a>'

    def _hidden(self) -> str:
        return (
            f'<input type="hidden" name="{FORM_FIELD}" value="{escape(self.token)}">'
            f'<input type="hidden" name="next" value="{escape(self.after)}">'
        )

    def _password(self) -> str:
        return (
            f'<form method="post" action="/sign-in">{self._hidden()}'
            f'<label for="name">{self._say("name")}</label>'
            f'<input id="name" name="name" value="{escape(self.name)}" autocomplete="username" '
            f'autocapitalize="none" spellcheck="false" required autofocus>'
            f'<label for="password">{self._say("password")}</label>'
            f'<input id="password" name="password" type="password" '
            f'autocomplete="current-password" required>'
            f"<button>{self._say('enter')}</button></form>"
        )

    def _key(self) -> str:
        return (
            f"<details><summary>{self._say('by_key')}</summary>"
            f'<p class="quiet">{self._say("by_key_why")}</p>'
            f'<form method="post" action="/sign-in">{self._hidden()}'
            f'<label for="key">{self._say("key")}</label>'
            f'<input id="key" name="key" type="password" autocomplete="off" required>'
            f'<button class="other">{self._say("enter")}</button></form></details>'
        )


def signed_out_page(language: str, directory: str | None, logout: str | None) -> str:
    """After signing out. logout: where the session of the directory of this host is ended."""
    parts = [f"<p>{escape(text('signed_out', language))}</p>"]
    if directory and logout:
        there = escape(text("signed_out_there", language, host=directory))
        words = escape(text("sign_out_there", language, host=directory))
        parts += [f"<p>{there}</p>", f'<a class="button" href="{escape(logout)}">{words}</a>']
    again = escape(text("again", language))
    parts.append(f'<a class="button other" href="/sign-in">{again}</a>')
    return _page(language, text("signed_out_title", language), parts)


def sign_out_page(language: str, name: str, token: str) -> str:
    """Where one who is signed in can end that."""
    buttons = (
        f"<button>{escape(text('sign_out', language))}</button>"
        f'<button class="other" name="everywhere" value="yes">'
        f"{escape(text('sign_out_everywhere', language))}</button>"
    )
    parts = [
        f"<p>{escape(text('signed_in_as', language, name=name))}</p>",
        f'<form method="post" action="/sign-out">'
        f'<input type="hidden" name="{FORM_FIELD}" value="{escape(token)}">{buttons}</form>',
    ]
    return _page(language, text("sign_out", language), parts)


def fault_page(language: str, sentence: str) -> str:
    """What went wrong, and the way back."""
    again = escape(text("again", language))
    parts = [_fault(sentence), f'<a class="button other" href="/sign-in">{again}</a>']
    return _page(language, text("title", language), parts)


def _fault(sentence: str | None) -> str:
    return f'<p class="bad" role="alert">{escape(sentence)}</p>' if sentence else ""


def _page(language: str, title: str, parts: Sequence[str]) -> str:
    product = escape(text("product", language))
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · {product}</title><style>{_STYLE}</style></head>"
        f'<body><main><h1>{escape(title)}</h1><p class="quiet">{product}</p>'
        f"{''.join(parts)}</main></body></html>"
    )
