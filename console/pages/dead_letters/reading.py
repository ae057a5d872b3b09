"""What the pages read of dead letters: counts by reason, pages of letters, and one in full."""

import re
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Final

from broker_topology.dead_letters import walk as letters
from broker_topology.dead_letters.queue import Patience
from broker_topology.dead_letters.selection import Selection, by_ids
from broker_topology.dead_letters.walk import NoSuchLetterError, Specimen
from console.dead_letters.groups import Groups, LetterGroup, count_letters
from console.dead_letters.reasons import Language, Reason
from console.dead_letters.seeing.seen import SeenLetter
from console.dead_letters.trial import Trial, try_requeue
from console.jobs.order import Order
from console.pages.dead_letters.wanted import Wanted
from console.services.services import Services
from console.services.threads import in_thread
from console.walks import Walk

PAGE: Final = 50
MOST_PASSED: Final = 1_000_000
_EVERY_S: Final = 2.0
_OPTION: Final = re.compile(r" \(`--[^`]*`\)")

GroupKey = tuple[str, str | None, str, str]
"""Queue, channel, class and code."""


@dataclass(frozen=True, slots=True)
class Letters:
    """A page of them, the oldest first in each queue; after: where the next one begins.

    at: when the queues were looked at.
    """

    letters: tuple[SeenLetter, ...]
    after: int | None
    at: datetime


async def read_groups(services: Services, wanted: Wanted) -> Groups:
    """Those that are wanted, the largest first; asked for once for all who look. Raises Problem."""
    if wanted.needs_look:
        found = await services.counts.search(wanted.selection())
        return await in_thread(partial(count_letters, found.letters))
    known = await services.shared("dead.groups", services.counts.read, _EVERY_S).get()
    if wanted.is_everything:
        return known
    return replace(known, groups=[one for one in known.groups if wanted.means(one)], more=0)


async def read_letters(services: Services, wanted: Wanted, passed: int) -> Letters:
    """The page behind so many letters. Raises Problem."""
    found = await services.counts.search(wanted.selection(), passed, PAGE + 1)
    letters = tuple(found.letters)
    after = passed + PAGE if len(letters) > PAGE else None
    return Letters(letters[:PAGE], after, found.at)


async def read_letter(services: Services, letter_id: str, channel: str | None) -> Specimen:
    """One in full; channel: where it is, if that is known. Raises Problem."""
    selection = replace(by_ids([letter_id]), channel=channel)
    return await services.walks.look(None, partial(_find, services.walks.url, selection))


async def read_trial(services: Services, order: Order) -> Trial:
    """What a requeue would do. Raises Problem."""
    trying = partial(try_requeue, services.settings, services.walks.url, order)
    return await services.walks.look(None, trying)


def trend_path(values: list[int], width: int, height: int) -> str:
    """A line of SVG's through as many points as there are values, from the bottom up."""
    most, last = max([1, *values]), max(len(values) - 1, 1)
    points = (
        f"{place * width / last:.1f} {height - value * height / most:.1f}"
        for place, value in enumerate(values)
    )
    return "M" + " L".join(points)


def remedy_of(reason: Reason, language: Language) -> str:
    """What helps, without the words of the command line: the page has buttons for them."""
    return _OPTION.sub("", reason.remedy.text(language)).replace("`", "")


def passed_of(written: str | None) -> int:
    """How many letters a URL wants to leave behind; 0 for what makes no sense."""
    is_number = bool(written) and str(written).isascii() and str(written).isdigit()
    return min(int(str(written)[:9]), MOST_PASSED) if is_number else 0


def group_key(group: LetterGroup) -> GroupKey:
    """What tells it from the others."""
    return group.queue, group.channel, group.failed_as, group.code


def _find(url: str, selection: Selection, patience: Patience, walk: Walk) -> Specimen:
    with closing(letters.specimens(url, selection, patience=patience)) as found:
        for one in found:
            return one
    [letter_id] = selection.ids
    raise NoSuchLetterError(f"There is no dead letter {letter_id[:80]}: it may be sent again.")
