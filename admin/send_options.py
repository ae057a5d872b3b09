"""The options of `gateway send` that the API has too, under the API's names."""

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

_EMAIL, _TELEGRAM, _VK = "Email", "Telegram", "VK"
_FREE_JSON = {"headers", "link_preview", "buttons", "keyboard", "metadata"}

Text = str | None
Texts = list[str] | None

FromName = Annotated[Text, typer.Option(help="Display name of the sender.", rich_help_panel=_EMAIL)]
ReplyTo = Annotated[Text, typer.Option(help="Where answers go.", rich_help_panel=_EMAIL)]
Cc = Annotated[Texts, typer.Option(help="Copy to; may be repeated.", rich_help_panel=_EMAIL)]
Bcc = Annotated[
    Texts, typer.Option(help="Copy that no other sees; may be repeated.", rich_help_panel=_EMAIL)
]
Headers = Annotated[
    Text,
    typer.Option(
        metavar="JSON", help='Such as {"List-Id": "<news.example.com>"}.', rich_help_panel=_EMAIL
    ),
]
ParseMode = Annotated[
    Text, typer.Option(help="HTML, MarkdownV2 or Markdown.", rich_help_panel=_TELEGRAM)
]
DisableNotification = Annotated[
    bool, typer.Option("--disable-notification", help="No sound.", rich_help_panel=_TELEGRAM)
]
MessageThreadId = Annotated[
    int | None, typer.Option(help="Topic of a forum.", rich_help_panel=_TELEGRAM)
]
ProtectContent = Annotated[
    bool,
    typer.Option("--protect-content", help="No forwarding or saving.", rich_help_panel=_TELEGRAM),
]
LinkPreview = Annotated[
    Text,
    typer.Option(metavar="JSON", help='Such as {"is_disabled": true}.', rich_help_panel=_TELEGRAM),
]
Buttons = Annotated[
    Text,
    typer.Option(
        metavar="JSON",
        help='Rows: [[{"text": "Open", "url": "https://example.com"}]].',
        rich_help_panel=_TELEGRAM,
    ),
]
OnUnknown = Annotated[
    Text,
    typer.Option(
        help="When nobody knows whether Telegram took it: resend or fail.",
        rich_help_panel=_TELEGRAM,
    ),
]
Keyboard = Annotated[
    Text, typer.Option(metavar="JSON", help="VK keyboard object.", rich_help_panel=_VK)
]
DontParseLinks = Annotated[
    bool, typer.Option("--dont-parse-links", help="No previews of links.", rich_help_panel=_VK)
]
ExpiresInS = Annotated[
    int | None, typer.Option(help="Seconds after which it is not worth sending.")
]
Tags = Annotated[Texts, typer.Option(help="A word to find it by; may be repeated.")]
Metadata = Annotated[
    Text, typer.Option(metavar="JSON", help="An object that is kept with it and never sent.")
]


def given(**options: Any) -> dict[str, Any]:
    """Those of the options that were given, JSON read. Raises typer.BadParameter."""
    return {
        name: _json(name, value) if name in _FREE_JSON else value
        for name, value in options.items()
        if value not in (None, False, [])
    }


def channel_options(**channels: Mapping[str, Any]) -> dict[str, Any]:
    """The request's fields `email`, `telegram`, `vk`: those with any option."""
    return {channel: dict(options) for channel, options in channels.items() if options}


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        hint = f"--{name.replace('_', '-')}"
        raise typer.BadParameter(f"{text!r} is not JSON", param_hint=hint) from None
