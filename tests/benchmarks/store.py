"""What a question to the store costs when its history is long, beside the same with a short one."""

import http.client
import json
import random
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urlencode
from uuid import UUID

from sqlalchemy import select

from broker_topology.apply import apply
from common.times import epoch_ms, utc_now
from journal.sweeper import sweep
from store import tables
from store.database import Database
from store.schema import upgrade
from store.upkeep.retention import delete_notifications, erase_contents
from tests.benchmarks.ingress import own_environment
from tests.benchmarks.reports.figures import Benchmark, Contender, Round, percentile
from tests.benchmarks.rig.bench import OURS, Bench, BenchError, Plan, free_port
from tests.benchmarks.rig.history import BASE, CODE, COMMON, RARE, make_history
from tests.support.processes.postgresql import Postgresql

NAME = "store"
SQLITE, POSTGRESQL = "SQLite", "PostgreSQL"
STATUS, FIRST, DEEP = "one by its id", "first page", "a page deep inside"
LONG, SHORT = "long history", "short one"
LISTS: Final = {
    "status, common": {"status": "sent"},
    "status, rare": {"status": "expired"},
    "tag, common": {"tag": COMMON},
    "tag, rare": {"tag": RARE},
    "word": {"word": COMMON},
    "channel": {"channel": "vk"},
    "code": {"code": CODE},
    "status and tag": {"status": "failed", "tag": COMMON},
    "code and rare tag": {"code": CODE, "tag": RARE},
}
PAGE = 10
"""As many as the short history has of one filter's; of two it may have less, and is asked that."""
ASKED_S = 60  # times a second of the plan: of each question in a round
DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class History:
    """One store, and what is asked of it: somewhere in it, and its oldest recipient."""

    url: str
    keys: tuple[tuple[int, UUID], ...]
    recipient: str


def run(bench: Bench, plan: Plan) -> Benchmark:
    """Ask stores of both kinds, a long and a short one in turns; one long one at a time."""
    found: dict[str, list[Round]] = {}
    _measure_kind(bench, plan, SQLITE, _sqlite_urls(bench.directory), found)
    for file in bench.directory.glob(f"{NAME}*.db*"):
        file.unlink()
    with Postgresql.running(durable=True) as server:
        _measure_kind(bench, plan, POSTGRESQL, server.new_database, found)
    contenders = (
        Contender(name=name, is_ours=True, rounds=tuple(its)) for name, its in found.items()
    )
    return Benchmark(
        name=NAME,
        title=f"questions to a store of {plan.history:,} notifications, and of {BASE:,}",
        contenders=tuple(contenders),
    )


def name_of(question: str, kind: str, history: str) -> str:
    """How a table calls it."""
    return f"{question}, {kind}, {history}"


def _sqlite_urls(directory: Path) -> Callable[[], str]:
    numbers = iter(range(10))
    return lambda: f"sqlite:///{directory / f'{NAME}{next(numbers)}.db'}"


def _measure_kind(
    bench: Bench, plan: Plan, kind: str, new_url: Callable[[], str], found: dict[str, list[Round]]
) -> None:
    histories = {LONG: _made(new_url(), plan.history), SHORT: _made(new_url(), BASE)}
    measure(bench, plan, kind, histories, found)


def _made(url: str, notifications: int) -> History:
    upgrade(url)
    make_history(url, notifications)
    return look(url)


def look(url: str) -> History:
    """Choose what to ask of a store that is filled."""
    table, deliveries = tables.notifications.c, tables.deliveries.c
    by_time = select(table.accepted_at_ms, table.id).order_by(table.accepted_at_ms).limit(1)
    database = Database(url)
    with database.reading() as connection:
        oldest = connection.execute(by_time).one()
        newest = connection.execute(by_time.order_by(None).order_by(table.accepted_at_ms.desc()))
        span = (oldest[0], newest.one()[0])
        moments = (random.randint(*span) for _ in range(200))
        keys = [connection.execute(by_time.where(table.accepted_at_ms >= one)) for one in moments]
        to = connection.execute(
            select(deliveries.channel, deliveries.address).where(
                deliveries.notification_id == oldest[1]
            )
        ).first()
        found = tuple((row[0], row[1]) for row in (one.one() for one in keys))
    database.close()
    return History(url, found, ":".join(to or ()))


def measure(
    bench: Bench,
    plan: Plan,
    kind: str,
    histories: dict[str, History],
    found: dict[str, list[Round]],
) -> None:
    """Each question of each history in turns, through an API; then the store's upkeep."""
    with ExitStack() as stack:
        ports = {
            name: stack.enter_context(_api(bench, f"{kind} {name}", one))
            for name, one in histories.items()
        }
        pages = {one: _held(ports[SHORT], histories[SHORT], one) for one in LISTS}
        for _ in range(plan.rounds):
            for question in (STATUS, FIRST, DEEP, "recipient", *LISTS, "statistics of a day"):
                times, limit = round(ASKED_S * plan.seconds), pages.get(question, PAGE)
                for name, one in histories.items():
                    round_ = _ask(ports[name], one, question, times, limit)
                    found.setdefault(name_of(question, kind, name), []).append(round_)
    for _ in range(plan.rounds):
        for name, one in histories.items():
            for question, took in _upkeep(one).items():
                found.setdefault(name_of(question, kind, name), []).append(Round(p50_ms=took))


@contextmanager
def _api(bench: Bench, name: str, one: History) -> Iterator[int]:
    port = free_port()
    with bench.vhost(f"{NAME} {name}") as url:
        apply(url)
        settings = own_environment(url, port) | {"GATEWAY_DATABASE_URL": one.url}
        with bench.running(f"{NAME} {name}", [*OURS, "admin", "api"], settings, port):
            yield port


def _held(port: int, one: History, question: str) -> int:
    """How many a history has of what is asked, a page at most: longer answers take longer."""
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as connection:
        connection.request("GET", _path(one, question))
        return len(json.load(connection.getresponse())["items"])


def _ask(port: int, one: History, question: str, times: int, limit: int) -> Round:
    """Ask it so often, after a few times that do not count. Raises BenchError."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    took: list[float] = []
    for number in range(times + times // 10):
        path = _path(one, question, limit)
        began = time.perf_counter()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        if number >= times // 10:
            took.append((time.perf_counter() - began) * 1000)
        if answer.status != 200 or json.loads(body).get("items") == []:
            raise BenchError(f"GET {path} was answered {answer.status}: {body[:200]!r}")
    connection.close()
    took.sort()
    return Round(p50_ms=percentile(took, 50), p95_ms=percentile(took, 95))


def _path(one: History, question: str, limit: int = PAGE) -> str:
    at_ms, notification_id = random.choice(one.keys)
    if question == STATUS:
        return f"/v1/notifications/{notification_id}"
    if question == "statistics of a day":
        return "/v1/stats"
    asked: dict[str, str] = {"limit": str(limit)} | dict(LISTS.get(question, {}))
    if question == "recipient":
        asked["to"] = one.recipient
    if question == DEEP:
        cursor = urlsafe_b64encode(f"{at_ms}.{notification_id.hex}".encode())
        asked["cursor"] = cursor.decode().rstrip("=")
    return f"/v1/notifications?{urlencode(asked)}"


def _upkeep(one: History) -> dict[str, float]:
    """How long the journal's own questions take, in milliseconds."""
    database, now_ms = Database(one.url), epoch_ms(utc_now())
    works: dict[str, Callable[[], object]] = {
        "the sweeper's look": lambda: sweep(database, 3600),
        "100 contents erased": lambda: erase_contents(database, now_ms, now_ms),
        "100 notifications deleted": lambda: delete_notifications(database, now_ms),
    }
    took = {}
    for name, work in works.items():
        began = time.perf_counter()
        work()
        took[name] = (time.perf_counter() - began) * 1000
    database.close()
    return took
