"""Which dead letters a page is about, as its URL says; the same for a terminal."""

import json
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, Self
from urllib.parse import urlencode

from pydantic import TypeAdapter, ValidationError
from starlette.datastructures import QueryParams

from broker_topology.dead_letters.selection import Selection, by_ids, fits
from broker_topology.topology import UNROUTED
from common.http.problems import FieldFault
from common.http.validation import invalid_request, read_query
from common.times import utc_now
from console.dead_letters.groups import LetterGroup
from console.dead_letters.request import MOST_IDS, LetterFilter
from console.jobs.order import Order

HOME: Final = "/dead-letters"
FILTERS: Final = ("channel", "class", "code", "since", "until", "to", "tag")
_NO_CODE: Final = "uncoded"  # a query has no room for a code that is empty
_IDS: Final = TypeAdapter(list[str])


@dataclass(frozen=True, slots=True)
class Wanted:
    """These ids, or what the filters say; nothing at all is every dead letter.

    filters: name as in the URL → value as it was written, in the order of FILTERS.
    """

    ids: tuple[str, ...] = ()
    filters: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_query(cls, query: Mapping[str, str]) -> Self:
        """What a URL says. Raises Problem for what makes no sense: it would mean too many."""
        if written := query.get("ids"):
            return cls(ids=_read_ids(written))
        filters = {name: query[name].strip() for name in FILTERS if query.get(name, "").strip()}
        if _NO_CODE in query:
            filters["code"] = ""
        wanted = cls(filters=filters)
        wanted.selection()
        return wanted

    @classmethod
    def of_ids(cls, ids: Iterable[str]) -> Self:
        """These letters."""
        return cls(ids=tuple(sorted(ids)))

    @property
    def is_everything(self) -> bool:
        """Whether every dead letter is meant."""
        return not self.ids and not self.filters

    @property
    def needs_look(self) -> bool:
        """Whether only the letters themselves tell how many are meant, and no count by reason."""
        return not self.filters.keys() <= {"channel", "class", "code"} or bool(self.ids)

    def narrowed(self, group: LetterGroup) -> "Wanted":
        """Those of a group that the filters mean too."""
        channel = UNROUTED if group.queue == UNROUTED else group.channel
        more = {"channel": channel, "class": group.failed_as, "code": group.code}
        kept = {name: value for name, value in self.filters.items() if name not in more}
        return Wanted(filters=kept | {name: one for name, one in more.items() if one is not None})

    def means(self, group: LetterGroup) -> bool:
        """Whether the letters of a group are meant, by channel, class and code."""
        wanted = self.filters
        channel = wanted.get("channel")
        is_there = channel in (None, group.channel) or channel == group.queue == UNROUTED
        is_class = wanted.get("class") in (None, group.failed_as)
        return is_there and is_class and fits(wanted.get("code", "*"), group.code)

    def selection(self) -> Selection:
        """The same as a predicate. Raises Problem."""
        if self.ids:
            return by_ids(self.ids)
        return read_query(LetterFilter, QueryParams(dict(self.filters))).selection()

    def order(self, **how: str | None) -> Order:
        """What a job is to do to those that are dead by now: who looks has seen no others."""
        now = utc_now()
        return Order.of(self.selection(), **how).model_copy(update={"dead_by": now})

    def query(self) -> dict[str, str]:
        """As it stands in a URL."""
        if self.ids:
            return {"ids": json.dumps(self.ids, ensure_ascii=False)}
        query = {name: value for name, value in self.filters.items() if value}
        return query | ({_NO_CODE: "1"} if self.filters.get("code") == "" else {})

    def href(self, page: str = "", **more: str) -> str:
        """The address of a page about these letters; page: its name below HOME."""
        query = self.query() | more
        path = f"{HOME}/{page}" if page else HOME
        return f"{path}?{urlencode(query)}" if query else path

    def command(self, verb: str, **options: str | None) -> str:
        """`gateway dead <verb> …` about the same letters."""
        words = ["gateway", "dead", verb, *self.ids]
        for name, value in {**self.filters, **options}.items():
            if value is not None:
                words += [f"--{name}", value]
        if self.is_everything and verb != "list":
            words.append("--all")
        return shlex.join(words)


def _read_ids(written: str) -> tuple[str, ...]:
    try:
        found = _IDS.validate_json(written)
    except ValidationError:
        found = []
    if not 0 < len(found) <= MOST_IDS:
        sentence = f"is no list of 1 to {MOST_IDS} ids"
        raise invalid_request([FieldFault("/ids", sentence)])
    return tuple(sorted(found))
