"""The options of `gateway send` that the API has too, under the API's names."""

import json
from dataclasses import asdict, dataclass
from typing import Annotated, Any

import typer

_FREE_JSON = {"headers", "link_preview", "buttons", "keyboard", "metadata", "data"}

Text = str | None
Texts = list[str] | None


@dataclass(frozen=True)
class CommonOptions:
    """Of a notification, whatever its channels."""

    expires_in_s: Annotated[
        int | None, typer.Option(help="Seconds after which it is not worth sending.")
    ] = None
    callback_url: Annotated[
        Text, typer.Option(help="Who is called back about what becomes of it.")
    ] = None
    callback_events: Annotated[
        Texts, typer.Option(help="An event that --callback-url is told; may be repeated.")
    ] = None
    tags: Annotated[Texts, typer.Option(help="A word to find it by; may be repeated.")] = None
    metadata: Annotated[
        Text, typer.Option(metavar="JSON", help="An object that is kept with it and never sent.")
    ] = None


@dataclass(frozen=True)
class EmailOptions:
    """The request's field `email`."""

    from_name: Annotated[Text, typer.Option(help="Email: display name of the sender.")] = None
    reply_to: Annotated[Text, typer.Option(help="Email: where answers go.")] = None
    cc: Annotated[Texts, typer.Option(help="Email: copy to; may be repeated.")] = None
    bcc: Annotated[Texts, typer.Option(help="Email: copy that no other sees; may be repeated.")] = (
        None
    )
    headers: Annotated[
        Text,
        typer.Option(metavar="JSON", help='Email: such as {"List-Id": "<news.example.com>"}.'),
    ] = None


@dataclass(frozen=True)
class TelegramOptions:
    """The request's field `telegram`."""

    parse_mode: Annotated[Text, typer.Option(help="Telegram: HTML, MarkdownV2 or Markdown.")] = None
    disable_notification: Annotated[
        bool, typer.Option("--disable-notification", help="Telegram: no sound.")
    ] = False
    message_thread_id: Annotated[int | None, typer.Option(help="Telegram: topic of a forum.")] = (
        None
    )
    protect_content: Annotated[
        bool, typer.Option("--protect-content", help="Telegram: no forwarding or saving.")
    ] = False
    link_preview: Annotated[
        Text, typer.Option(metavar="JSON", help='Telegram: such as {"is_disabled": true}.')
    ] = None
    buttons: Annotated[
        Text,
        typer.Option(
            metavar="JSON",
            help='Telegram: rows [[{"text": "Open", "url": "https://example.com"}]].',
        ),
    ] = None
    on_unknown: Annotated[
        Text,
        typer.Option(help="Telegram: when nobody knows whether it was taken, resend or fail."),
    ] = None


@dataclass(frozen=True)
class VkOptions:
    """The request's field `vk`."""

    keyboard: Annotated[Text, typer.Option(metavar="JSON", help="VK: keyboard object.")] = None
    dont_parse_links: Annotated[
        bool, typer.Option("--dont-parse-links", help="VK: no previews of links.")
    ] = False


@dataclass(frozen=True)
class WebhookOptions:
    """The request's field `webhook`."""

    data: Annotated[
        Text, typer.Option(metavar="JSON", help="Webhook: an object for the receiver's program.")
    ] = None


Options = CommonOptions | EmailOptions | TelegramOptions | VkOptions | WebhookOptions


def given(options: Options) -> dict[str, Any]:
    """Those of the options that were given, JSON read. Raises typer.BadParameter."""
    return {
        name: _json(name, value) if name in _FREE_JSON else value
        for name, value in asdict(options).items()
        if value not in (None, False, [])
    }


def _json(name: str, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        hint = f"--{name.replace('_', '-')}"
        raise typer.BadParameter(f"{text!r} is not JSON", param_hint=hint) from None
