"""Language and theme: chosen by a link, kept by the browser in a cookie, known to nobody else.

The time zone is the browser's own: its page says it in a cookie too, and the next one knows it.
"""

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from console.frame.markup import link, own, tag
from console.frame.page import View
from console.texts.catalogue import Language

LANGUAGE: Final = "gateway_language"
THEME: Final = "gateway_theme"
ZONE: Final = "gateway_zone"
PATH: Final = "/preferences"
THEMES: Final = ("auto", "light", "dark")
_NAMES: Final = {Language.ENGLISH: "English", Language.RUSSIAN: "Русский"}
_CHOICES: Final = {
    "language": (LANGUAGE, tuple(one.value for one in Language)),
    "theme": (THEME, THEMES),
}
_KEPT_S: Final = 365 * 86_400
SAY_ZONE: Final = f"""document.cookie = "{ZONE}="
  + encodeURIComponent(Intl.DateTimeFormat().resolvedOptions().timeZone)
  + "; path=/; max-age={_KEPT_S}; samesite=lax"
  + (location.protocol === "https:" ? "; secure" : "")"""


def theme_of(cookie: str | None) -> str:
    """`auto` unless the browser says another."""
    return cookie if cookie in THEMES else "auto"


async def choose(request: Request) -> Response:
    """Keep what was chosen, and lead back."""
    try:
        back = own(request.query_params.get("next", "/"))
    except ValueError:
        back = "/"
    answer = RedirectResponse(back, 303)
    for name, (cookie, values) in _CHOICES.items():
        value = request.query_params.get(name)
        if value in values:
            is_safe = request.url.scheme == "https"
            answer.set_cookie(cookie, value, _KEPT_S, secure=is_safe, httponly=True, samesite="lax")
    return answer


def draw_preferences(view: View) -> None:
    """The choices, folded away."""
    text = view.text
    with tag("details", "", "preferences"):
        tag("summary", text("frame.settings"))
        with tag("p", role="group", aria_label=text("frame.language")):
            for language, name in _NAMES.items():
                _draw_choice(view, "language", language, name, text.language == language)
        with tag("p", role="group", aria_label=text("frame.theme")):
            for theme in THEMES:
                name = text(f"frame.theme.{theme}")
                _draw_choice(view, "theme", theme, name, view.theme == theme)


def _draw_choice(view: View, what: str, value: str, name: str, is_chosen: bool) -> None:
    href = f"{PATH}?{urlencode({what: value, 'next': view.here()})}"
    link(name, href, aria_current="true" if is_chosen else None)
