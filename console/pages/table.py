"""The table of all pages, in the order of the navigation."""

from typing import Final

from console.frame.page import Page
from console.pages.dead_letters.page import DEAD_LETTERS
from console.pages.elsewhere import NO_PAGE
from console.pages.events.page import EVENTS
from console.pages.notifications.page import NOTIFICATION, NOTIFICATIONS
from console.pages.now.page import NOW
from console.pages.operations.table import OPERATIONS
from console.pages.send.page import SEND

PAGES: Final[tuple[Page, ...]] = (
    NOW,
    NOTIFICATIONS,
    NOTIFICATION,
    *DEAD_LETTERS,
    SEND,
    EVENTS,
    *OPERATIONS,
    NO_PAGE,
)
