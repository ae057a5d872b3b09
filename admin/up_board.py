"""What `gateway up` shows: where everything is, and one status line per process."""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from rich.markup import escape
from rich.table import Table

from admin.doctor_settings import CREDENTIALS
from admin.here import UP, env_file_of
from admin.one_machine import last_word
from admin.up_broker import URL_FILE, USER, PrivateBroker
from broker_topology.connect import mask_url
from common.envelope import Channel
from common.settings import Settings
from deploy.stack import Service, Stack


@dataclass(frozen=True)
class Line:
    """How one process is: `word` is running or ended; reason: its last sentence, if it ended."""

    name: str
    word: str
    starts: int
    reason: str = ""
    restart_in_s: float = 0.0

    @property
    def restarts(self) -> str:
        """How often it had to be started again, in words; "" if never."""
        times = self.starts - 1
        return "" if times < 1 else f"restarted {times} {'time' if times == 1 else 'times'}"

    @property
    def remark(self) -> str:
        """What else there is to say."""
        if self.word == "running":
            return self.restarts
        again = f"starts again in {max(self.restart_in_s, 0):.0f} s"
        return f"{self.reason}; {again}" if self.reason else again


class Board:
    """The processes of a stack, and the private broker if there is one."""

    def __init__(self, stack: Stack, broker: PrivateBroker | None) -> None:
        self._stack = stack
        self._broker = broker
        self._told: dict[str, tuple[str, int]] = {}

    def lines(self) -> Iterator[Line]:
        """One per process, the broker first."""
        if self._broker is not None:
            word = "running" if self._broker.is_running else "ended"
            yield Line(self._broker.name, word, self._broker.starts)
        for service in self._stack.services:
            yield self._line(service)

    def table(self) -> Table:
        """The picture of this moment, for a terminal."""
        table = Table.grid(padding=(0, 2))
        for line in self.lines():
            is_running = line.word == "running"
            mark = "[green]●[/]" if is_running else "[red]●[/]"
            table.add_row(mark, line.name, line.word, escape(line.remark))
        table.add_row("", "[dim]Ctrl-C stops everything[/]")
        return table

    def news(self) -> Iterator[str]:
        """Sentences about what has changed since the last call."""
        for line in self.lines():
            now = line.word, line.starts
            if self._told.get(line.name) != now:
                self._told[line.name] = now
                yield f"{line.name}: {line.word}{f', {line.remark}' if line.remark else ''}"

    def _line(self, service: Service) -> Line:
        if service.is_running:
            return Line(service.name, "running", service.starts)
        left_s = 0.0 if service.restart_at is None else service.restart_at - monotonic()
        reason = last_word(self._stack.log_file(service.name))
        return Line(service.name, "ended", service.starts, reason, left_s)


def heading(
    settings: Settings,
    api: str,
    inbox: str | None,
    places: Mapping[Channel, str],
    broker: PrivateBroker | None,
    directory: Path,
) -> Iterator[str]:
    """What is where, and which channels are real; places: channel → where it really sends."""
    file = env_file_of(UP, directory)
    known_as = escape(shlex.quote(str(file)))
    key = "" if settings.api_key else "  (without a key, loopback only)"
    yield f"API          {api}/docs{key}"
    if settings.api_key:
        yield f"             . {known_as}  # sets GATEWAY_API_KEY for curl"
    if file == env_file_of(UP):
        yield "Commands     in another terminal find this gateway by themselves"
    else:
        yield f"Commands     in another terminal: --env-file {known_as}"
    if broker is None:
        yield f"Broker       {escape(mask_url(settings.amqp_url.get_secret_value()))}"
    else:
        yield f"Broker       private, its messages are kept in {escape(str(broker.directory))}"
        yield f"             {broker.management_url}  (user {USER}, password in {URL_FILE} there)"
    for channel in Channel:
        if channel in places:
            yield f"{channel:<12} {escape(places[channel])}"
        else:
            variable = f"GATEWAY_{CREDENTIALS[channel].upper()}"
            yield f"{channel:<12} [yellow]stand-in[/]: {variable} is not set"
    if inbox is not None:
        yield f"Inbox        {inbox}/  (of the stand-in providers)"
    yield f"Logs         {escape(str(directory / 'logs'))}"
    yield ""
