"""One sentence about the whole, and where it is mended."""

from dataclasses import dataclass

from console.services.concerns import Concern, Level
from console.services.reading import Silent
from console.services.services import Overview
from console.texts.catalogue import Texts


@dataclass(frozen=True, slots=True)
class Sentence:
    """level: `well`, `passes` or `needs`; more: that there is more than this."""

    text: str
    level: str
    href: str = ""
    more: str = ""


def sentence_of(text: Texts, overview: Overview) -> Sentence:
    """The gravest concern, else that all is well."""
    if overview.concerns:
        first, *others = overview.concerns
        level = "needs" if first.level is Level.NEEDS_PERSON else "passes"
        more = text("frame.more", n=len(others)) if others else ""
        return Sentence(headline(text, first), level, first.href, more)
    if isinstance(overview.store, Silent):
        return Sentence(text("well.unknown"), "well")
    return Sentence(text("well.sent", n=overview.store.sent), "well")


def headline(text: Texts, concern: Concern) -> str:
    """What it is, in a few words."""
    values = dict(concern.values)
    if channel := values.get("channel"):
        values["channel"] = text(f"channel.{channel}")
    return text(f"concern.{concern.kind}", n=concern.count, **values)
