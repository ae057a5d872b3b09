"""What a job is to do, in a form that outlives the console and can be gone on with."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, Final, Self

from pydantic import AwareDatetime, BaseModel, ConfigDict

from broker_topology.dead_letters.selection import Selection, letters_told
from common.settings import Rate, parse_rate

_FILTERS: Final = tuple(one.name for one in fields(Selection) if one.name != "ids")


class Order(BaseModel):
    """Which letters, and how they are worked on.

    everything: no filter is meant to be set; limit: most letters; rate: `50/s`, at once if None;
    redirect: the address to send to; archive: the name of what keeps discarded letters, or of what
    they are put back from; is_sealed: whoever downloaded that archive has it, and nobody else.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    ids: tuple[str, ...] = ()
    channel: str | None = None
    failed_as: str | None = None
    code: str | None = None
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    tag: str | None = None
    to: str | None = None
    dead_by: AwareDatetime | None = None
    everything: bool = False
    limit: int | None = None
    rate: str | None = None
    redirect: str | None = None
    archive: str | None = None
    is_sealed: bool = False

    @classmethod
    def of(cls, selection: Selection, **how: Any) -> Self:
        """The order for these letters."""
        filters = {name: getattr(selection, name) for name in _FILTERS}
        everything = selection == Selection()
        return cls(ids=tuple(sorted(selection.ids)), everything=everything, **filters, **how)

    @classmethod
    def kept(cls, wanted: Mapping[str, Any]) -> Self | None:
        """What was kept of an order; None when that says nothing any more."""
        order = cls.model_validate(wanted)
        return None if order == cls() else order

    def as_kept(self) -> dict[str, Any]:
        """As it is kept."""
        return self.model_dump(mode="json", exclude_defaults=True)

    def selection(self) -> Selection:
        """The letters that are meant."""
        return Selection(
            ids=frozenset(self.ids), **{name: getattr(self, name) for name in _FILTERS}
        )

    def told(self) -> dict[str, Any]:
        """The same for people and the audit log, without whom letters are to."""
        how = {
            "all": self.everything or None,
            "limit": self.limit,
            "rate": self.rate,
            "redirected": self.redirect is not None or None,
            "archive": self.archive,
        }
        told = {name: value for name, value in how.items() if value is not None}
        return {**letters_told(self.selection()), **told}

    @property
    def pace(self) -> Rate | None:
        """The rate as a value."""
        return parse_rate(self.rate) if self.rate else None

    def rest(self, began_at: datetime, done: int) -> Self:
        """What is left of it: what died since it began is another matter.

        done: how many are known to be done; of a limit the others are left.
        """
        limit = None if self.limit is None else max(self.limit - done, 1)
        changes = {"dead_by": self.dead_by or began_at, "limit": limit}
        return self.model_copy(update=changes)
