"""The page Send: write a message, see it, send it, and watch what becomes of it."""

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from nicegui.events import GenericEventArguments

from common.channels import CHANNELS, Channel
from console.frame.acting import Confirm, acting
from console.frame.markup import link, tag
from console.frame.page import Page, View
from console.frame.parts import Part
from console.frame.widgets import say
from console.pages.send.filled import Filled, place, read_form
from console.pages.send.form import COLLECT, FormFields
from console.pages.send.outcome import Outcomes
from console.pages.send.preview import draw_commands, draw_preview
from console.people.person import Role
from console.services.sending import NotSent
from store.access.key_form import Mode

MANY = 10
"""Recipients beyond whom sending for real asks for their number first."""
_LOOK_S = 0.6


async def draw(view: View) -> None:
    """The form of the channel that the URL names."""
    named = view.query.get("channel", "")
    _Send(view, Channel(named) if named in CHANNELS else Channel.EMAIL)


class _Send:
    """The parts of the page."""

    def __init__(self, view: View, channel: Channel) -> None:
        self._view, self._channel = view, channel
        self._key = ""
        self._sent: tuple[Mode, dict[str, Any]] | None = None
        text = view.text
        self._draw_channels()
        with tag("div", "", "writing"):
            with tag("section", "", "sheet"), tag("form", "", "message") as form:
                tag("h2", text("send.form"))
                self._fields = FormFields(view, channel)
                tag("p", text("send.how"), "soft")
                with tag("div", "", "choices"):
                    for mode, look in ((Mode.TEST, "test quiet"), (Mode.LIVE, "live")):
                        tag("button", text(f"send.{mode}"), look, type="submit", value=mode.value)
            with tag("div", "", "aside"):
                with tag("section", "", "sheet", id="preview"):
                    tag("h2", text("send.preview"))
                    self._preview: Part[dict[str, Any]] = Part(self._draw_preview)
                with tag("section", "", "sheet", id="commands"):
                    tag("h2", text("send.command"))
                    self._commands: Part[dict[str, Any]] = Part(self._draw_commands)
                with tag("section", "", "sheet", id="outcome"):
                    tag("h2", text("send.outcome"))
                    self._outcomes = Outcomes(view)
                    self._another = tag(
                        "button", text("send.another"), "quiet small", type="button", hidden=True
                    )
                    self._another.on("click", self._allow_another)
                self._asking = tag("div")
        form.on("submit", self._submit, js_handler=COLLECT)
        form.on("input", self._look, js_handler=COLLECT, throttle=_LOOK_S, leading_events=False)
        self._preview.show({})

    def _draw_channels(self) -> None:
        text = self._view.text
        with tag("nav", "", "ranges channels", aria_label=text("send.channels")):
            for one in Channel:
                current = "page" if one is self._channel else None
                href = self._view.here(channel=one.value)
                link(text(f"channel.{one}"), href, aria_current=current)

    def _draw_preview(self, request: dict[str, Any]) -> None:
        draw_preview(self._view, self._channel, request)

    def _draw_commands(self, request: dict[str, Any]) -> None:
        draw_commands(self._view, request)

    def _read(self, values: Mapping[str, str]) -> Filled:
        settings = self._view.services.settings
        return read_form(
            self._channel,
            values,
            settings.email_extra_headers or frozenset(),
            may_be_plain=settings.callback_allow_networks is not None,
        )

    def _look(self, event: GenericEventArguments) -> None:
        filled = self._read(_values(event))
        self._preview.show(filled.request)
        self._commands.show(filled.request)

    async def _submit(self, event: GenericEventArguments) -> None:
        values = _values(event)
        mode = Mode.LIVE if values.get("mode") == Mode.LIVE else Mode.TEST
        filled = self._read(values)
        self._preview.show(filled.request)
        self._commands.show(filled.request)
        if self._show_faults(filled):
            return
        if mode is Mode.LIVE and filled.recipients > MANY:
            self._ask(filled)
        else:
            await _send(self._view, self, filled, mode)

    def _ask(self, filled: Filled) -> None:
        text, number = self._view.text, filled.recipients

        async def agreed() -> None:
            await _send(self._view, self, filled, Mode.LIVE)

        self._asking.clear()
        with self._asking:
            question = text("send.sure", n=number)
            Confirm(self._view, question, text("send.live"), agreed, number).open()

    def _show_faults(self, filled: Filled) -> bool:
        self._fields.show(filled.faults)
        if not filled.faults:
            return False
        say(self._view.text("send.faults", n=len(filled.faults)), is_fault=True)
        self._fields.lead_to(next(iter(filled.faults)))
        return True

    async def send(self, view: View, filled: Filled, mode: Mode) -> None:
        """Send it once, however often it is asked for: what is the same has the same key."""
        if (mode, filled.request) != self._sent:
            self._key, self._sent = uuid4().hex, (mode, filled.request)
        actor = f"console {view.person.name}"
        try:
            accepted = await view.services.sending.send(filled.request, mode, self._key, actor)
        except NotSent as error:
            place(filled, self._channel, error.faults)
            if not self._show_faults(filled):
                say(view.text("send.not", why=str(error)), is_fault=True)
            return
        say(view.text("send.again" if accepted.is_repeated else "send.done"))
        self._another.set(hidden=None)
        await self._outcomes.add(accepted.id)

    def _allow_another(self) -> None:
        self._sent = None
        say(self._view.text("send.another.done"))


@acting(Role.OPERATOR)
async def _send(view: View, page: _Send, filled: Filled, mode: Mode) -> None:
    await page.send(view, filled, mode)


def _values(event: GenericEventArguments) -> dict[str, str]:
    """What the browser says that the form holds."""
    given = event.args if isinstance(event.args, dict) else {}
    return {str(name): value for name, value in given.items() if isinstance(value, str)}


SEND = Page("/send", "page.send", "send", Role.OPERATOR, draw, has_range=False)
