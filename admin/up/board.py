"""What `gateway up` shows: where everything is, each process, and how each channel fares."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from rich.console import RenderableType
from rich.text import Text

from admin.announcing import UP, env_file_of
from admin.live.following import Following
from admin.live.screen import cannot_be_shown
from admin.one_machine import last_word
from admin.up import view
from admin.up.broker import URL_FILE, USER, PrivateBroker
from admin.up.digest import Digest
from admin.up.tally import Tally
from admin.up.view import Line
from broker_topology.connect import mask_url
from broker_topology.rights import sender
from common.channels import FACTS, Channel
from common.settings import Settings
from common.times import utc_now
from deploy.local.stack import Service, Stack


@dataclass(frozen=True)
class Addresses:
    """Where people look: the API, the console, and the stand-in providers' inbox if it runs."""

    api: str
    console: str
    inbox: str | None


class UpBoard:
    """The processes of a stack, the private broker if there is one, and how each channel fares."""

    def __init__(
        self, stack: Stack, broker: PrivateBroker | None, tally: Tally, following: Following
    ) -> None:
        self.stack = stack
        self.broker = broker
        self._tally = tally
        self._following = following
        self._told: dict[str, tuple[str, int]] = {}
        self._told_bug = ""
        self._digests = {channel: Digest(channel) for channel in Channel}

    def lines(self) -> Iterator[Line]:
        """One per process, the broker first."""
        if self.broker is not None:
            word = "running" if self.broker.is_running else "ended"
            yield Line(self.broker.name, word, self.broker.starts)
        for service in self.stack.services:
            yield self._line(service)

    def picture(self, width: int) -> RenderableType:
        """How all is at this moment, for a terminal."""
        now = utc_now()
        fates = {sender(channel): self._tally.fate(channel, now) for channel in Channel}
        rows = ((line, fates.get(line.name)) for line in self.lines())
        return view.picture(rows, self._following.fault, now, width)

    def news(self) -> Iterator[str]:
        """Sentences about what has changed since the last call."""
        try:
            yield from self._changes()
        except Exception as error:
            if self._told_bug != (bug := cannot_be_shown(error)):
                self._told_bug = bug
                yield bug

    def _changes(self) -> Iterator[str]:
        for line in self.lines():
            now = line.word, line.starts
            if self._told.get(line.name) != now:
                self._told[line.name] = now
                yield f"{line.name}: {line.how}"
        for channel, digest in self._digests.items():
            yield from digest.news(self._tally.fate(channel, utc_now()), monotonic())

    def _line(self, service: Service) -> Line:
        if service.is_running:
            return Line(service.name, "running", service.starts)
        left_s = 0.0 if service.restart_at is None else service.restart_at - monotonic()
        reason = last_word(self.stack.log_file(service.name))
        return Line(service.name, "ended", service.starts, reason, left_s)


def heading(
    settings: Settings,
    where: Addresses,
    places: Mapping[Channel, str],
    broker: PrivateBroker | None,
    directory: Path,
) -> Iterator[Text]:
    """What is where, and which channels are real; places: channel → where it really sends."""
    file = env_file_of(UP, directory)
    known_as = shlex.quote(str(file))
    key = f". {known_as}  # the key, for curl" if settings.api_key else "no key, loopback only"
    yield from _named("API", f"{where.api}/docs", key)
    guarded = "with a key of its own" if settings.console_key else "no key, loopback only"
    yield from _named("Console", f"{where.console}/", guarded)
    if file == env_file_of(UP):
        yield from _named("Commands", "in another terminal find this by themselves")
    else:
        yield from _named("Commands", "in another terminal:", f"--env-file {known_as}")
    if broker is None:
        yield from _named("Broker", mask_url(settings.amqp_url.get_secret_value()))
    else:
        yield from _named(
            "Broker",
            "private; its messages are kept in",
            str(broker.directory),
            broker.management_url,
            f"user {USER}, password in {URL_FILE} there",
        )
    for channel in Channel:
        if channel in places:
            yield from _named(channel, places[channel])
        else:
            variable = f"GATEWAY_{FACTS[channel].credential.upper()}"
            stand_in = Text.assemble(("stand-in", "yellow"), f": {variable} is not set")
            yield from _named(channel, stand_in)
    if where.inbox is not None:
        yield from _named("Inbox", f"{where.inbox}/", "of the stand-in providers")
    yield from _named("Logs", str(directory / "logs"))
    yield Text()


def _named(name: str, *lines: str | Text) -> Iterator[Text]:
    """A name, and what there is to say of it: a line for each, so that addresses can be copied."""
    for number, line in enumerate(lines):
        yield Text.assemble(f"{'' if number else name:<12} ", line)
