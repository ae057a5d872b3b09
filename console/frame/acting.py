"""What people do by a page: asked for, checked on the server, and told in words."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from nicegui import context, ui
from nicegui.events import GenericEventArguments

from common.errors import GatewayError
from common.http.problems import Problem
from common.logs import get_logger
from console.frame.markup import Tag, tag
from console.frame.page import View
from console.frame.widgets import say
from console.people.people import NotSignedIn
from console.people.person import Role

log = get_logger(__name__)

Given = ParamSpec("Given")
Action = Callable[Concatenate[View, Given], Awaitable[None]]


def acting(least: Role) -> Callable[[Action[Given]], Action[Given]]:
    """An action of a page: done only for whom the server grants it, each time anew.

    It is given the view with the person's role of today. Who is signed in no more is led to the
    sign-in. What goes wrong is said in words, and never as a traceback. Its effect is written into
    the audit log by whoever makes it.
    """

    def decorate(action: Action[Given]) -> Action[Given]:
        @wraps(action)
        async def checked(view: View, /, *args: Given.args, **kwargs: Given.kwargs) -> None:
            # Said on the page itself: what was clicked may be drawn anew, and be gone, meanwhile.
            with context.client:
                await do(view, *args, **kwargs)

        async def do(view: View, /, *args: Given.args, **kwargs: Given.kwargs) -> None:
            try:
                person = await view.services.people.check(view.person)
            except NotSignedIn:
                ask_to_sign_in(view)
                return
            view = replace(view, person=person)
            if person.role < least:
                say(may_not(view, least), is_fault=True)
                return
            try:
                await action(view, *args, **kwargs)
            except Problem as problem:
                say(str(problem.document()["detail"]), is_fault=True)
            except GatewayError as error:
                say(str(error), is_fault=True)
            except Exception:
                log.exception("an action failed", action=action.__qualname__)
                say(view.text("failed.unexpectedly"), is_fault=True)

        return checked

    return decorate


def ask_to_sign_in(view: View) -> None:
    """Lead whoever is signed in no more to the sign-in, and back here afterwards."""
    ui.navigate.to(f"/sign-in?{urlencode({'next': view.here()})}")


def may_not(view: View, least: Role) -> str:
    """Why somebody may not do, or see, something."""
    text = view.text
    role, needed = (text(f"frame.role.{one.name.lower()}") for one in (view.person.role, least))
    return text("may.not", role=role, needed=needed)


class Confirm:
    """A question before something that is hard to undo; a modal dialog of the browser's own.

    number: has to be typed first. on_yes: called when it was agreed to.
    """

    def __init__(
        self,
        view: View,
        question: str,
        verb: str,
        on_yes: Callable[[], Awaitable[None]],
        number: int | None = None,
    ) -> None:
        self._number = number
        self._on_yes = on_yes
        self._typed = ""
        with tag("dialog", aria_label=question) as self._dialog:
            tag("p", question)
            if number is not None:
                said = view.text("dialog.number", n=number)
                with tag("label", "", "typed"):
                    tag("span", said)
                    field = tag("input", inputmode="numeric", autocomplete="off")
                    field.on("input", self._type, js_handler="(event) => emit(event.target.value)")
            with tag("div", "", "choices"):
                no = tag("button", view.text("dialog.cancel"), "quiet", type="button")
                no.on("click", self.close)
                self._yes = tag("button", verb, "grave", type="button", disabled=bool(number))
                self._yes.on("click", self._agree)

    def open(self) -> None:
        """Ask."""
        self._call("showModal")

    def close(self) -> None:
        """Ask no more."""
        self._call("close")

    async def _agree(self) -> None:
        if self._is_typed():
            self.close()
            await self._on_yes()

    def _type(self, event: GenericEventArguments) -> None:
        self._typed = str(event.args)
        self._yes.set(disabled=not self._is_typed())

    def _is_typed(self) -> bool:
        digits = "".join(one for one in self._typed if one.isdecimal())
        return self._number is None or digits == str(self._number)

    def _call(self, method: str) -> None:
        dialog: Tag = self._dialog
        dialog.client.run_javascript(f"document.getElementById('{dialog.html_id}').{method}()")
