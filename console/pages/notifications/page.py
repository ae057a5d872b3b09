"""The pages about notifications."""

from console.frame.page import Page
from console.pages.notifications import listing
from console.pages.notifications.one import page as one
from console.people.person import Role

NOTIFICATIONS = Page(
    "/notifications", "page.notifications", "mail", Role.VIEWER, listing.draw, has_range=False
)

NOTIFICATION = Page(
    "/notifications/{id}",
    "page.notification",
    "mail",
    Role.VIEWER,
    one.draw,
    is_listed=False,
    has_range=False,
)
