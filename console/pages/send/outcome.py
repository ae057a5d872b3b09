"""What became of what was sent from a page, live."""

from functools import partial
from uuid import UUID

from nicegui import ui

from console.frame.markup import tag
from console.frame.notices import store_silent
from console.frame.page import View
from console.frame.parts import Part
from console.frame.widgets import address, short_id, state_badge
from console.services.follower import Following
from console.services.reading import Silent
from store.events import Wanted
from store.notifications import Notification, read_notification
from store.rows import DeliveryRow

_EVERY_S = 0.5
_MOST_SHOWN = 5
_MOST_DELIVERIES = 20


class Outcomes:
    """The last notifications that were sent from here, the newest first."""

    def __init__(self, view: View) -> None:
        self._view = view
        self._shown: list[_Outcome] = []
        self._empty = tag("p", view.text("send.outcome.none"), "soft")
        self._place = tag("div", "", "outcomes", role="log", aria_label=view.text("send.outcome"))
        ui.timer(_EVERY_S, self._look)
        self._place.client.on_delete(self._close)

    async def add(self, notification_id: str) -> None:
        """Show one more; one that is shown already stays where it is."""
        wanted = UUID(notification_id)
        if any(one.id == wanted for one in self._shown):
            return
        following = await self._view.services.follower.follow(Wanted(notification_id=wanted))
        self._empty.say("")
        with self._place:
            outcome = _Outcome(self._view, wanted, following)
        outcome.place.move(target_index=0)
        self._shown.insert(0, outcome)
        for old in self._shown[_MOST_SHOWN:]:
            old.close()
            old.place.delete()
        del self._shown[_MOST_SHOWN:]

    async def _look(self) -> None:
        for one in list(self._shown):
            await one.look()

    def _close(self) -> None:
        for one in self._shown:
            one.close()


class _Outcome:
    """One of them."""

    def __init__(self, view: View, notification_id: UUID, following: Following) -> None:
        self.id = notification_id
        self.place = tag("div", "", "outcome")
        self._view = view
        self._following = following
        self._is_known = False
        with self.place:
            self._part: Part[Notification | Silent | None] = Part(self._draw)

    def close(self) -> None:
        """Follow it no more."""
        self._following.close()

    async def look(self) -> None:
        """Read it anew if there is something new."""
        if not self._following.take() and self._is_known:
            return
        found = await self._view.services.store(partial(read_notification, notification_id=self.id))
        self._is_known = isinstance(found, Notification)
        self._part.show(found)

    def _draw(self, found: Notification | Silent | None) -> None:
        view, text = self._view, self._view.text
        with tag("p", "", "heading"):
            short_id(view, str(self.id), f"/notifications/{self.id}")
            if isinstance(found, Notification):
                state_badge(view, found.row.status)
                if found.row.is_test:
                    tag("span", text("send.outcome.test"), "mark")
        if isinstance(found, Silent):
            store_silent(view, found)
        elif found is None:
            tag("p", text("send.outcome.unheard"), "soft")
        else:
            self._draw_deliveries(found)

    def _draw_deliveries(self, found: Notification) -> None:
        with tag("ul"):
            for one in found.deliveries[:_MOST_DELIVERIES]:
                with tag("li"):
                    self._draw_delivery(one)
            if (more := len(found.deliveries) - _MOST_DELIVERIES) > 0:
                tag("li", self._view.text("send.outcome.more", n=more), "soft")

    def _draw_delivery(self, one: DeliveryRow) -> None:
        tag("span", address(self._view, one.channel, one.moved_to or one.address), "to")
        state_badge(self._view, one.status)
        said = " ".join(filter(None, (one.code, one.message)))
        if said:
            tag("span", said, "soft words")
