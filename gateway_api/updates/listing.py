"""`GET /v1/notifications`: those that somebody looks for, the newest first, page by page."""

import base64
import binascii
import re
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
)
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response

from common.channels import Channel
from common.http.problems import FieldFault
from common.http.validation import Moment, invalid_request, read_query
from common.recipients import parse_recipient
from common.times import epoch_ms
from gateway_api.access.caller import caller_of
from gateway_api.updates.documents import notification_document
from gateway_api.updates.reading import Reading
from store.notifications import Key, Notification, Search, read_page
from store.position import read_recipient_key
from store.rows import Overall
from store.terms import recipient_term, tag_term, word_term

_WORD: Final = re.compile(r"\w+")
_CURSOR: Final = re.compile(r"([0-9]{1,15})\.([0-9a-f]{32})")
_NO_CONTROLS: Final = r"^[^\x00-\x1f\x7f]*$"

Text = Annotated[str, StringConstraints(min_length=1, max_length=320, pattern=_NO_CONTROLS)]


def _one_word(text: str) -> str:
    if not _WORD.fullmatch(text.casefold()):
        raise ValueError("is not one word of letters and digits")
    return text


class ListQuery(BaseModel):
    """Filters that must all hold, and which page."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)

    status: Overall | None = None
    """Of the notification."""

    channel: Channel | None = None
    """Of one of its deliveries."""

    code: Text | None = None
    """What the provider last said of one of its deliveries, such as `550 5.1.1`."""

    to: Text | None = None
    """A recipient, `channel:address`, whole."""

    tag: Text | None = None
    """One of its tags."""

    word: Annotated[Text, AfterValidator(_one_word)] | None = None
    """A whole word of its subject, upper or lower case."""

    accepted_after: Moment | None = None
    """Accepted at this moment or later, ISO 8601 with its offset."""

    accepted_before: Moment | None = None
    """Accepted before this moment."""

    limit: int = Field(50, ge=1, le=500)
    """How many a page has at most."""

    test: bool | None = None
    """Only what test keys sent, or nothing of it."""

    cursor: Annotated[str, Field(max_length=200)] | None = None
    """`next` of the page before; the filters are to be the same."""

    def search(self, recipient_key: bytes) -> Search:
        """The same as what the store looks for."""
        return Search(
            status=self.status,
            channel=self.channel,
            code=self.code,
            terms=tuple(self._terms(recipient_key)),
            is_test=self.test,
            from_ms=_ms(self.accepted_after),
            until_ms=_ms(self.accepted_before),
        )

    def _terms(self, recipient_key: bytes) -> list[str]:
        """From what is rare as a rule to what is not: the first is what the store walks along."""
        terms = []
        if self.to is not None:
            recipient = _recipient(self.to)
            terms.append(recipient_term(recipient_key, recipient.channel, recipient.address))
        if self.word is not None:
            terms.append(word_term(self.word))
        if self.tag is not None:
            terms.append(tag_term(self.tag))
        return terms


class Listing:
    """The endpoint."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    async def show(self, request: Request) -> Response:
        """200 with one page. Raises Problem."""
        query = read_query(ListQuery, request.query_params)
        before = None if query.cursor is None else _read_cursor(query.cursor)
        query.search(b"")  # what is wrong with it is said without asking the store
        owner = caller_of(request.scope).owner
        found = await self._reading(partial(_read_page, query, owner, before))
        document = {
            "items": [notification_document(one, with_attempts=False) for _, one in found],
            "next": _cursor(found[-1][0]) if len(found) == query.limit else None,
        }
        return Response(to_json(document), media_type="application/json")


def _read_page(
    query: ListQuery, owner: str | None, before: Key | None, connection: Any
) -> list[tuple[Key, Notification]]:
    key = read_recipient_key(connection) if query.to else b""
    search = replace(query.search(key), owner=owner)
    return read_page(connection, search, before, query.limit)


def _recipient(text: str) -> Any:
    try:
        return parse_recipient(text)
    except ValueError as error:
        raise invalid_request([FieldFault("/to", str(error))]) from None


def _ms(moment: Any) -> int | None:
    return None if moment is None else epoch_ms(moment)


def _cursor(key: Key) -> str:
    accepted_at_ms, notification_id = key
    text = f"{accepted_at_ms}.{notification_id.hex}"
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _read_cursor(text: str) -> Key:
    try:
        padded = text.encode("ascii") + b"=" * (-len(text) % 4)
        plain = base64.b64decode(padded, b"-_", validate=True).decode("ascii")
        found = _CURSOR.fullmatch(plain)
    except (binascii.Error, UnicodeError):
        found = None
    if found is None:
        sentence = "is none that this gateway gave: take next of the page before"
        raise invalid_request([FieldFault("/cursor", sentence)])
    return int(found[1]), UUID(found[2])
