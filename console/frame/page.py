"""What a page is, and what it is given."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Final
from urllib.parse import urlencode

from starlette.responses import Response

from console.frame.times import HOUR, RANGES, Range
from console.people.person import Person, Role
from console.services.services import Services
from console.texts.catalogue import Texts

ELSEWHERE: Final = "/{elsewhere:path}"
"""The path of the page that a browser gets where there is no other."""


@dataclass(frozen=True, slots=True)
class View:
    """One look at a page.

    path: as the browser asked for it; parts: what the pattern of its page found in it; query: what
    the URL says beside it, each name once; theme: `auto`, `light` or `dark`; zone: the browser's.
    """

    person: Person
    text: Texts
    services: Services
    path: str
    parts: Mapping[str, str]
    query: Mapping[str, str]
    theme: str
    zone: tzinfo

    @property
    def range(self) -> Range:
        """The time range in the URL, else the last hour."""
        return RANGES.get(self.query.get("range", ""), HOUR)

    def here(self, **changes: str | None) -> str:
        """This address with other values in its query; None takes one away."""
        query = {name: value for name, value in ({**self.query, **changes}).items() if value}
        return f"{self.path}?{urlencode(query)}" if query else self.path

    def there(self, path: str, **query: str) -> str:
        """Another page of the same time range."""
        kept = {"range": self.range.name} if "range" in self.query else {}
        whole = kept | query
        return f"{path}?{urlencode(whole)}" if whole else path


@dataclass(frozen=True, slots=True)
class Page:
    """One page of the table in console/pages/table.py.

    path: may have parts, `/notifications/{id}`; title: a name of the catalogue; icon:
    a name of Material Icons; least: who may see it; is_listed: it stands in the navigation; files:
    what is downloaded from it, each at a path of its own, by whoever may see the page; has_range:
    it is about a time range, which is chosen above it; has_all_times: about no range unless the URL
    names one.
    """

    path: str
    title: str
    icon: str
    least: Role
    draw: Callable[[View], Awaitable[None]]
    is_listed: bool = True
    has_range: bool = True
    has_all_times: bool = False
    files: tuple[tuple[str, Callable[[View], Awaitable[Response]]], ...] = ()
