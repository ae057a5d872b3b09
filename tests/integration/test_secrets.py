"""Nothing that the gateway writes, publishes, stores, answers or prints holds a secret of it.

A whole run with secrets that are easy to recognise, against providers that say back what they were
sent; then its logs, events, dead letters, answers, traces, metrics and the store are searched. It
takes half a minute: each kind of failure is met by processes of its own.
"""

import ast
import base64
import contextlib
import html
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from tempfile import TemporaryFile
from urllib.parse import quote, quote_plus, unquote, urlsplit

import pytest
from sqlalchemy import select

from broker_topology.connect import connected
from deploy.local.node import Node, free_port
from deploy.local.stack import plain_environment
from store import tables
from store.access.key_form import Mode
from store.database import Database
from tests.integration.test_tracing import Collector, collecting
from tests.support.clients.keys import Key, made_key
from tests.support.polling import until
from tests.support.processes.redis import Redis
from tests.support.processes.running import Gateway, running_gateway
from tests.support.providers.echoing import ENCODINGS, Echo, echoing_http, echoing_smtp
from tests.support.queues import amqp_channel, take

pytestmark = pytest.mark.timeout(600)  # the first test waits for the whole run

SMTP_PASSWORD = 'smtp&pass "wörd"+7x'
TELEGRAM_TOKEN = "7312345678:AAtelegram-t0ken_of-35-characters-x"
VK_TOKEN = "vk1.a.token-of_community-ZZ81"
CALLBACK_KEY = base64.b64encode(b"callback-secret-of-the-tests-32b").decode()
ROOT_SECRET = "root-secret-of-the-tests-64-characters-0123456789"
REDIS_PASSWORD = "redis-p@ss/word-5"
API_KEY = "api-key-of-the-tests-31"
CONSOLE_KEY = "console-key-of-the-tests-47"
WRONG = {
    "amqp": "wrong-amqp-p@ss/w0rd",
    "database": "wrong-database-p@ss-w0rd",
    "smtp": "wrong-smtp-p@ss-w0rd",
}
RECIPIENTS = {
    "email": "ada.lovelace@example.com",
    "telegram": "4242424242",
    "vk": "777123777",
}
HOOK = "path-of-a-webhook-5d1f"


@dataclass
class Run:
    """What there was to search: place → text; secrets: name → as it is written."""

    gateway: Gateway
    key: Key
    secrets: dict[str, str]
    told: dict[str, str] = field(default_factory=dict)
    collector: Collector | None = None

    @property
    def logs(self) -> dict[str, str]:
        return {name: text for name, text in self.told.items() if name.startswith("log ")}


@pytest.fixture(scope="module")
def run(
    broker: Node, postgresql: object, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Run]:
    """Everything, once: made, used, broken and read."""
    directory = tmp_path_factory.mktemp("secrets")
    url: str = postgresql.new_database()  # type: ignore[attr-defined]
    with contextlib.ExitStack() as stack:
        redis = stack.enter_context(Redis.running(REDIS_PASSWORD))
        address, http = stack.enter_context(echoing_http())
        port, mail, refuses_login = stack.enter_context(echoing_smtp())
        collector, otlp = stack.enter_context(collecting())
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        environment.setenv("OTEL_BSP_SCHEDULE_DELAY", "200")
        changes = _changes(url, redis, address, port) | {"otlp_endpoint": otlp}
        gateway = stack.enter_context(running_gateway(broker, directory, **changes))
        database = Database(url)
        stack.callback(database.close)
        run = Run(gateway, made_key(database, rate="1000/s"), {}, collector=collector)
        run.secrets = _secrets(run, url)
        _follow(gateway.amqp_url)
        _use(run, [http, mail], f"{address}/hooks/{HOOK}")
        refuses_login.set()
        _ask_commands(run, changes)
        _read(run, database)
        yield run
    postgresql.drop(url)  # type: ignore[attr-defined]


def _changes(url: str, redis: Redis, address: str, port: int) -> dict[str, str]:
    password = quote(SMTP_PASSWORD, safe="")
    return {
        "log_level": "debug",
        "retry_delays": "1s",
        "telegram_chat_rate": "100/s",
        "database_url": url,
        "api_key": API_KEY,
        "console_key": CONSOLE_KEY,
        "rate_limit_url": redis.url,
        "email_url": f"smtp://mailer:{password}@127.0.0.1:{port}?starttls=no",
        "telegram_token": TELEGRAM_TOKEN,
        "telegram_api_url": address,
        "vk_token": VK_TOKEN,
        "vk_api_url": address,
        "callback_secret": f"whsec_{CALLBACK_KEY}",
        "callback_root_secret": ROOT_SECRET,
    }


def _secrets(run: Run, url: str) -> dict[str, str]:
    users = {
        f"broker password of {service.name}": _password(service.environment["GATEWAY_AMQP_URL"])
        for service in run.gateway.stack.services
        if "GATEWAY_AMQP_URL" in service.environment
    }
    return users | {
        "database password": _password(url),
        "SMTP password": SMTP_PASSWORD,
        "Telegram token": TELEGRAM_TOKEN,
        "its second half": TELEGRAM_TOKEN.partition(":")[2],
        "VK token": VK_TOKEN,
        "callback secret": CALLBACK_KEY,
        "root of callback secrets": ROOT_SECRET,
        "Redis password": REDIS_PASSWORD,
        "simple API key": API_KEY,
        "console key": CONSOLE_KEY,
        "API key": run.key.text.removeprefix("gwk_live_"),
        **{f"wrong {name} password": text for name, text in WRONG.items()},
    }


def _password(url: str) -> str:
    return unquote(urlsplit(url).password or "")


def _follow(url: str) -> None:
    """Keep every message of the exchanges from now on."""
    with amqp_channel(url) as channel:
        channel.queue_declare("test.all", durable=True)
        for exchange in ("events", "dead", "notifications"):
            channel.queue_bind("test.all", exchange, "#")


def _use(run: Run, echoes: list[Echo], hook: str) -> None:
    """Send to every channel until each form was said back, and ask what became of it."""
    api, bearer = run.gateway.api, run.key.bearer
    to = [f"{channel}:{address}" for channel, address in RECIPIENTS.items()] + [f"webhook:{hook}"]
    ids = []
    for _ in ENCODINGS:
        body = {"to": to, "subject": "Hello", "text": "world"}
        answer = api.post("/v1/notifications", json=body, headers=bearer)
        assert answer.status_code == 202, answer.text
        ids.append(answer.json()["id"])
        run.told[f"202 {ids[-1]}"] = _whole(answer)
    for number, identifier in enumerate(ids):
        path = f"/v1/notifications/{identifier}"

        def has_failed(path: str = path) -> bool:
            return bool(api.get(path, headers=bearer).json()["status"] == "failed")

        until(has_failed, what=f"{path} has to fail: see {run.gateway.stack.log_file('journal')}")
        run.told[f"status {number}"] = _whole(api.get(path, headers=bearer))
    assert all(echo.told >= len(ENCODINGS) for echo in echoes)
    run.told["list"] = _whole(api.get("/v1/notifications", headers=bearer))
    with api.stream("GET", f"/v1/notifications/{ids[0]}/events", headers=bearer) as stream:
        lines = stream.iter_lines()
        run.told["stream"] = "\n".join(next(lines) for _ in range(30))
    console = {"Authorization": f"Bearer {CONSOLE_KEY}"}
    run.told["console"] = _whole(run.gateway.console.get("/v1/dead-letters", headers=console))
    _provoke(run)


def _provoke(run: Run) -> None:
    """Wrong requests of all kinds, which show secrets in every place that there is."""
    api, text = run.gateway.api, run.key.text
    for place, headers, path in (
        (
            "wrong key",
            {"Authorization": f"Bearer {text[:-1]}{'1' if text[-1] == '0' else '0'}"},
            "/v1/notifications",
        ),
        ("key in a query", {}, f"/v1/notifications?key={API_KEY}&to={text}"),
        ("key in a path", {"Authorization": f"Bearer {API_KEY}"}, f"/v1/{text}"),
        ("key as a token", {}, f"/v1/events?token={text}"),
        ("key in a header", {"Last-Event-ID": text, **run.key.bearer}, "/v1/events"),
    ):
        answer = api.get(path, headers=headers)
        assert answer.status_code >= 400, place
        if place not in ("key in a path", "key in a header"):  # it is told what it asked for itself
            run.told[place] = _whole(answer)
    wrong = api.post("/v1/notifications", content=b"{" * 100, headers=run.key.bearer)
    run.told["malformed"] = _whole(wrong)


def _whole(answer: object) -> str:
    return f"{answer.headers}\n{answer.text}"  # type: ignore[attr-defined]


COMMANDS = (
    ("doctor", "--json"),
    ("topology", "check"),
    ("list", "--json"),
    ("dead", "list", "telegram", "--json"),
    ("keys", "list", "--json"),
    ("audit", "--json"),
)
BROKEN = {
    "email_url": f"smtp//mailer:{quote(WRONG['smtp'])}@host:port?starttls=never",
    "amqp_url": f"amqp://gateway:{WRONG['amqp']}@:no-port/",
    "database_url": f"postgres:/gateway:{WRONG['database']}@host",
    "callback_secret": f"whsec_{CALLBACK_KEY}!",
    "rate_limit_url": f"redis//:{REDIS_PASSWORD}@host",
    "console_key": API_KEY,
}
CRASH = """
import logging, sys, threading
from common.logs import get_logger
from common.process import run_process
def main(settings):
    telegram, url = settings.telegram_token.get_secret_value(), settings.database_url
    words = f"{'x' * 50} https://example.com/bot{telegram}/send {url.get_secret_value()}"
    try:
        raise ValueError(words)
    except ValueError:
        get_logger("ours").exception("it failed", detail=words)
        logging.getLogger("theirs").exception("it failed: %s", words)
    def crash():
        raise RuntimeError(words)
    thread = threading.Thread(target=crash)
    thread.start()
    thread.join()
    crash()
run_process("crashing", main)
"""


def _ask_commands(run: Run, changes: dict[str, str]) -> None:
    """Commands and processes with settings that are right, wrong and unreadable, all at once."""
    settings = changes | {
        "amqp_url": run.gateway.amqp_url,
        "email_from": "gateway@example.com",
        "env_file": os.devnull,
        "api_port": str(run.gateway.api.base_url.port),
    }
    refused = settings | {
        "amqp_url": _with_password(run.gateway.amqp_url, WRONG["amqp"]),
        "database_url": _with_password(changes["database_url"], WRONG["database"]),
        "api_port": str(free_port()),
    }
    python = [sys.executable, "-P"]
    with ThreadPoolExecutor(4) as threads:
        waiting = {
            f"command {' '.join(words)}": threads.submit(
                _printed, [*python, "-m", "admin", *words], settings
            )
            for words in COMMANDS
        }
        for name, text in BROKEN.items():
            words, broken = [*python, "-m", "gateway_api"], settings | {name: text}
            waiting[f"log {name} is broken"] = threads.submit(_printed, words, broken)
        for process in ("gateway_api", "journal", "admin doctor", "senders telegram"):
            words = [*python, "-m", *process.split()]
            waiting[f"log refused: {process}"] = threads.submit(_printed, words, refused)
        for form in ("json", "console"):
            waiting[f"log crash in {form}"] = threads.submit(
                _printed, [*python, "-c", CRASH], settings | {"log_format": form}
            )
    run.told |= {place: one.result() for place, one in waiting.items()}


def _with_password(url: str, password: str) -> str:
    return url.replace(f":{urlsplit(url).password}@", f":{quote(password, safe='')}@")


def _printed(words: list[str], settings: dict[str, str]) -> str:
    """All that a command wrote; one that goes on is ended when it has said why it cannot."""
    given = {f"GATEWAY_{name.upper()}": text for name, text in settings.items()}
    with TemporaryFile("w+") as file:
        process = subprocess.Popen(
            words, env=plain_environment() | given, stdout=file, stderr=subprocess.STDOUT
        )

        def said() -> str:
            return os.pread(file.fileno(), 1_000_000, 0).decode()

        until(lambda: process.poll() is not None or "unreachable" in said(), 60)
        process.terminate()
        process.wait(30)
        return said()


def _read(run: Run, database: Database) -> None:
    """What was published, stored, counted, traced and logged."""
    messages = take(run.gateway.amqp_url, "test.all")
    run.told["messages"] = "\n".join(f"{headers} {body!r}" for headers, body in messages)
    for channel in RECIPIENTS:
        with connected(run.gateway.amqp_url):
            letters = take(run.gateway.amqp_url, f"{channel}.dead")
        assert letters, channel
        run.told[f"dead letters of {channel}"] = "\n".join(map(repr, letters))
    with database.reading() as connection:
        for table in tables.metadata.sorted_tables:
            rows = connection.execute(select(table)).all()
            run.told[f"table {table.name}"] = "\n".join(map(repr, rows))
    for name, client in (("api", run.gateway.api), ("console", run.gateway.console)):
        for path in ("/metrics", "/readyz", "/healthz", "/openapi.json", "/docs"):
            run.told[f"{name} {path}"] = _whole(client.get(path))
    assert run.collector is not None
    run.told["traces"] = "\n".join(repr(body) for body in run.collector.bodies)
    for service in run.gateway.stack.services:
        if service.name != "sandbox":
            run.told[f"log {service.name}"] = run.gateway.stack.log_file(service.name).read_text()


def forms(secret: str) -> set[str]:
    """The secret as others write it."""
    plain = {secret, quote(secret), quote(secret, safe=""), quote_plus(secret), html.escape(secret)}
    plain |= {json.dumps(secret)[1:-1], json.dumps(json.dumps(secret))[3:-3], repr(secret)[1:-1]}
    plain |= {re.sub("%..", lambda found: found[0].lower(), quote(secret, safe=""))}
    return plain | {secret.encode().hex()}


def decoded(text: str) -> bytes:
    """All that can be read as base64 in a text, at each of its four beginnings."""
    found = []
    for run in re.findall(r"[\w+/-]{12,}", text):
        for start in range(4):
            piece = run[start:].replace("-", "+").replace("_", "/")
            with contextlib.suppress(ValueError):
                found.append(base64.b64decode(piece[: len(piece) // 4 * 4]))
    return b"\n".join(found)


def test_no_secret_stands_anywhere(run: Run) -> None:
    found = []
    for place, text in run.told.items():
        squeezed = re.sub(r"(?:\\n|\s)+", "", text)
        octets = decoded(text)
        for name, secret in run.secrets.items():
            if any(form in text or form in squeezed for form in forms(secret)):
                found.append(f"{name} in {place}")
            elif secret.encode() in octets:
                found.append(f"{name} in base64 in {place}")
    assert found == []


def test_key_of_live_tokens_stands_in_its_table_alone(run: Run) -> None:
    place_of_it = "table store"
    [key] = re.findall(r"(?<=[ (])b('.*?'|\".*?\")(?=[,)])", run.told[place_of_it])[:1]
    octets: bytes = ast.literal_eval(f"b{key}")
    assert len(octets) >= 16
    others = {place: text for place, text in run.told.items() if place != place_of_it}
    for place, text in others.items():
        assert octets.hex() not in text.lower(), place
        assert octets not in decoded(text), place


def test_what_was_searched_is_what_there_is(run: Run) -> None:
    """A search that looked at nothing would find nothing."""
    for channel in RECIPIENTS:
        assert "[hidden]" in run.told[f"dead letters of {channel}"]
    assert "[hidden]" in run.told["messages"]
    assert "[hidden]" in run.told["table events"]
    assert "[hidden]" in run.told["command doctor --json"]
    for place in ("log crash in json", "log crash in console"):
        assert run.told[place].count("[hidden]") >= 8, run.told[place]
        assert run.told[place].count("it failed") == 2
    assert "gateway_" in run.told["api /metrics"]
    assert run.told["traces"]
    assert all(run.logs.values())


def test_no_recipient_stands_whole_in_a_log(run: Run) -> None:
    recipients = [*RECIPIENTS.values(), HOOK]
    found = [
        f"{recipient} in {place}"
        for place, text in (run.logs | {"traces": run.told["traces"]}).items()
        for recipient in recipients
        if recipient in text or quote(recipient) in text
    ]
    assert found == []


def test_key_of_the_store_is_found_there_by_its_hash_alone(run: Run) -> None:
    assert run.key.id in run.told["table keys"]
    assert Mode.LIVE in run.told["table keys"]
