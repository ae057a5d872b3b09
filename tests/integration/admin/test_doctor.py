"""`gateway doctor` against a real broker, the sandbox, and servers that misbehave by a script."""

import asyncio
import json
import socket
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
import trustme
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from admin import here
from admin.cli import app
from admin.doctor import providers
from broker_topology.rights import sender
from broker_topology.users import provide_users
from common.channels import CHANNELS
from common.settings import Settings
from deploy.local.node import Node, free_port
from deploy.local.stack import SANDBOX_SECRET
from deploy.sandbox.server import Sandbox
from store.schema import upgrade
from tests.support.providers.scripted_servers import Deed, ScriptedHttp, ScriptedSmtp, http
from tests.support.queues import amqp_channel, count, make_delivery, put, take

SECRET = "s3cret-pass-word"


def sandbox_settings(sandbox: Sandbox) -> dict[str, str]:
    return {
        "EMAIL_URL": f"smtp://127.0.0.1:{sandbox.smtp_port}?starttls=no",
        "EMAIL_FROM": "shop@example.com",
        "TELEGRAM_TOKEN": f"1000000001:{SECRET}",
        "TELEGRAM_API_URL": sandbox.http_url,
        "VK_TOKEN": SECRET,
        "VK_API_URL": sandbox.http_url,
        "CALLBACK_SECRET": f"{SANDBOX_SECRET},{SANDBOX_SECRET}",
        "CALLBACK_ALLOW_NETWORKS": "127.0.0.0/8",
    }


async def run(settings: Mapping[str, str], *arguments: str) -> Result:
    """The doctor with exactly these settings, in a thread beside the servers of the test."""
    env = {f"GATEWAY_{name}": value for name, value in settings.items()}
    command = ["doctor", *arguments]
    outcome = await asyncio.to_thread(
        CliRunner().invoke, app, command, env=env | {"GATEWAY_ENV_FILE": "/dev/null"}
    )
    assert SECRET not in outcome.output
    return outcome


async def examine(settings: Mapping[str, str], *arguments: str) -> dict[str, dict[str, Any]]:
    """What its JSON says of each check; the exit code must agree."""
    outcome = await run(settings, *arguments, "--json")
    report = json.loads(outcome.stdout)
    is_well = all(one["state"] != "wrong" for one in report["checks"])
    assert report["ok"] is is_well
    assert outcome.exit_code == (0 if is_well else 1)
    return {one["check"]: one for one in report["checks"]}


async def test_nothing_is_wrong_with_a_gateway_that_works(
    gateway_url: str, broker: Node, sandbox: Sandbox, sqlite_url: str
) -> None:
    upgrade(sqlite_url)
    settings = sandbox_settings(sandbox) | {"AMQP_URL": gateway_url, "DATABASE_URL": sqlite_url}

    checks = await examine(settings, "--management-url", broker.management_url)

    # How long ago the broker measured its disk and its queues is its own matter.
    late = {"broker disk", "quorum"}
    assert {name: one for name, one in checks.items() if one["state"] != "ok"}.keys() <= late
    assert "agrees with the broker and 127.0.0.1" in checks["clock"]["detail"]
    assert ", ".join(["api", *map(sender, CHANNELS)]) in checks["permissions"]["detail"]
    assert sandbox.inbox.entries() == []


async def test_facts_that_wait_for_no_journal_and_what_is_aside_are_told(
    gateway_url: str, sqlite_url: str
) -> None:
    put(gateway_url, make_delivery())
    with amqp_channel(gateway_url) as channel:
        channel.basic_publish("aside", "", b"garbage")

    checks = await examine({"AMQP_URL": gateway_url, "DATABASE_URL": sqlite_url})

    assert checks["journal"]["state"] == checks["store"]["state"] == "wrong"
    assert "1 facts wait and no journal runs" in checks["journal"]["detail"]
    assert "1 messages in journal.dead" in checks["journal"]["detail"]
    assert "gateway db upgrade" in checks["store"]["detail"]


async def test_without_credentials_and_management_it_says_what_was_not_looked_at(
    gateway_url: str,
) -> None:
    nowhere = "http://127.0.0.1:1"

    outcome = await run({"AMQP_URL": gateway_url}, "--management-url", nowhere)

    assert outcome.exit_code == 0, outcome.output
    assert "–  telegram     not configured: GATEWAY_TELEGRAM_TOKEN is not set\n" in outcome.stdout
    assert "–  nodes        not looked at: the management API at" in outcome.stdout
    assert "✓  topology     as it should be; Bindings and extra objects were not" in outcome.stdout


async def test_unreachable_broker_is_one_sentence_and_the_rest_is_looked_at(
    sandbox: Sandbox,
) -> None:
    url = f"amqp://ada:{SECRET}@127.0.0.1:1/"

    checks = await examine(sandbox_settings(sandbox) | {"AMQP_URL": url})

    assert "No broker answers at 127.0.0.1:1" in checks["broker"]["detail"]
    assert checks["topology"]["state"] == "skipped"
    assert {checks[name]["state"] for name in (*CHANNELS, "clock")} == {"ok"}


async def test_missing_topology_names_the_command(vhost_url: str, broker: Node) -> None:
    checks = await examine({"AMQP_URL": vhost_url}, "--management-url", broker.management_url)
    assert checks["topology"]["state"] == "wrong"
    assert "gateway topology apply" in checks["topology"]["detail"]
    assert checks["permissions"]["state"] == "ok"


async def test_alarm_of_the_broker_is_noticed(gateway_url: str, broker: Node) -> None:
    broker.set_memory_alarm(True)
    try:
        checks = await examine({"AMQP_URL": gateway_url})
    finally:
        broker.set_memory_alarm(False)
    assert "has an alarm and takes no messages" in checks["broker"]["detail"]


async def test_user_of_one_sender_may_do_its_work_and_no_other(
    gateway_url: str, broker: Node
) -> None:
    users = provide_users(gateway_url, broker.management_url, prefix="doctor", rotate=True)
    url = next(user.url for user in users if user.rights.role == "sender-email")
    management = ["--management-url", broker.management_url]

    own = await examine({"AMQP_URL": url}, "--role", "sender-email", *management)
    other = await examine({"AMQP_URL": url}, "--role", "sender-vk", *management)

    assert own["permissions"]["state"] == "ok"
    assert "refuses this user" in own["nodes"]["detail"]
    assert "as sender-vk: consume vk.high" in other["permissions"]["detail"]
    assert "vk" in other
    assert "email" not in other


async def test_asking_for_rights_consumes_and_publishes_nothing(
    gateway_url: str, broker: Node
) -> None:
    put(gateway_url, make_delivery())
    roles = [word for role in ("api", "sender-telegram", "operator") for word in ("--role", role)]

    checks = await examine({"AMQP_URL": gateway_url}, *roles)

    assert checks["permissions"]["state"] == "ok"
    assert count(gateway_url, "unrouted") == 0
    [(headers, _)] = take(gateway_url, "telegram.normal")
    assert headers.get("x-delivery-count", 0) == 0


async def test_refused_logins_say_what_to_correct_and_no_secret(gateway_url: str) -> None:
    smtp = ScriptedSmtp()
    smtp.say("EHLO", "250-script\r\n250 AUTH PLAIN")
    smtp.say("AUTH", f"535 5.7.8 {SECRET} is wrong")
    telegram = ScriptedHttp(http(401, '{"ok":false,"error_code":401,"description":"Unauthorized"}'))
    vk = ScriptedHttp(
        http(200, json.dumps({"error": {"error_code": 5, "error_msg": f"no {SECRET}"}}))
    )
    async with smtp.serving(), telegram.serving(), vk.serving():
        checks = await examine(
            {
                "AMQP_URL": gateway_url,
                "EMAIL_URL": f"smtp://ada:{SECRET}@127.0.0.1:{smtp.port}?starttls=no",
                "EMAIL_FROM": "shop@example.com",
                "TELEGRAM_TOKEN": f"1:{SECRET}",
                "TELEGRAM_API_URL": telegram.url,
                "VK_TOKEN": SECRET,
                "VK_API_URL": vk.url,
            }
        )
    assert "refuses the login (535 5.7.8" in checks["email"]["detail"]
    assert "refuses the token (Unauthorized)" in checks["telegram"]["detail"]
    assert "refuses the token (5 no [hidden])" in checks["vk"]["detail"]
    assert smtp.mails == []


async def test_untrusted_mail_server_names_the_setting(gateway_url: str) -> None:
    authority = trustme.CA()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    smtp = ScriptedSmtp(starttls=context)
    async with smtp.serving():
        checks = await examine(
            {
                "AMQP_URL": gateway_url,
                "EMAIL_URL": f"smtp://127.0.0.1:{smtp.port}",
                "EMAIL_FROM": "shop@example.com",
            }
        )
    assert "GATEWAY_EMAIL_CA_FILE" in checks["email"]["detail"]


async def test_providers_that_are_no_such_thing_are_told(gateway_url: str) -> None:
    page = ScriptedHttp(http(200, "<html>a proxy's page</html>", "text/html"))
    async with page.serving():
        checks = await examine(
            {
                "AMQP_URL": gateway_url,
                "TELEGRAM_TOKEN": f"1:{SECRET}",
                "TELEGRAM_API_URL": page.url,
                "VK_TOKEN": SECRET,
                "VK_API_URL": "http://127.0.0.1:1",
            }
        )
    assert "not as this API does" in checks["telegram"]["detail"]
    assert "does not answer (the connection was refused" in checks["vk"]["detail"]


async def test_silent_providers_end_in_a_sentence(
    gateway_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(providers, "PROVIDER_TIMEOUT_S", 0.5)
    silent, mute = ScriptedHttp(Deed.HANG), ScriptedSmtp()
    mute.say("greeting", Deed.HANG)
    async with silent.serving(), mute.serving():
        checks = await examine(
            {
                "AMQP_URL": gateway_url,
                "EMAIL_URL": f"smtp://127.0.0.1:{mute.port}?starttls=no",
                "EMAIL_FROM": "shop@example.com",
                "VK_TOKEN": SECRET,
                "VK_API_URL": silent.url,
            }
        )
    assert "did not let us in within" in checks["email"]["detail"]
    assert "it took too long" in checks["vk"]["detail"]


async def test_wrong_clock_is_noticed_by_an_answers_date(gateway_url: str) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)
    answer = http(200, '{"ok":true,"result":{"username":"shop_bot"}}')
    telegram = ScriptedHttp(answer.replace("\r\n", f"\r\nDate: {date}\r\n", 1))
    async with telegram.serving():
        checks = await examine(
            {
                "AMQP_URL": gateway_url,
                "TELEGRAM_TOKEN": f"1:{SECRET}",
                "TELEGRAM_API_URL": telegram.url,
            }
        )
    assert "knows us as @shop_bot" in checks["telegram"]["detail"]
    assert "s behind that of 127.0.0.1" in checks["clock"]["detail"]


async def test_settings_at_odds_are_each_a_sentence(gateway_url: str) -> None:
    settings = {"AMQP_URL": gateway_url, "NONSENSE": SECRET, "VK_LANES": "high:0"}
    outcome = await run(settings)
    assert outcome.exit_code == 1
    assert "✗  settings     GATEWAY_NONSENSE in the environment is not a" in outcome.stdout
    assert "✗  settings     GATEWAY_VK_LANES has no lane" in outcome.stdout


async def test_unreadable_settings_leave_the_rest_unseen() -> None:
    checks = await examine({"AMQP_URL": "http://x", "API_PORT": "many"})
    assert checks["settings"]["state"] == "wrong"
    assert checks["broker and providers"]["state"] == "skipped"


async def test_sender_that_could_not_start_is_told_once(gateway_url: str) -> None:
    settings = {
        "AMQP_URL": gateway_url,
        "EMAIL_URL": "smtp://127.0.0.1:1?starttls=no",
        "EMAIL_FROM": "not-an-address",
        "VK_TOKEN": SECRET,
        "VK_API_URL": "ftp://h",
    }
    outcome = await run(settings)
    assert outcome.exit_code == 1
    assert "✗  settings     GATEWAY_EMAIL_FROM is not an email address" in outcome.stdout
    assert "✗  settings     GATEWAY_VK_API_URL must be an address" in outcome.stdout
    assert "–  vk           not looked at: correct the settings first" in outcome.stdout


async def test_chosen_sender_without_credentials_is_wrong(gateway_url: str) -> None:
    checks = await examine({"AMQP_URL": gateway_url}, "--role", "sender-vk")
    assert "the vk channel needs GATEWAY_VK_TOKEN" in checks["settings"]["detail"]


async def test_misspelt_setting_is_named() -> None:
    checks = await examine({"EMIAL_URL": SECRET})
    assert "did you mean GATEWAY_EMAIL_URL?" in checks["settings"]["detail"]


async def test_unknown_role_is_a_usage_error() -> None:
    outcome = await run({}, "--role", "nobody")
    assert outcome.exit_code == 2


async def test_before_the_first_start_only_what_is_named_is_looked_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    port = free_port()
    usual = SecretStr(f"amqp://guest:guest@127.0.0.1:{port}/")
    monkeypatch.setattr(here, "load_settings", lambda: _unnamed(usual))
    monkeypatch.setattr(here, "running", lambda *_, **__: [])
    broker = (await examine({"API_PORT": "0"}))["broker"]
    assert broker["state"] == "skipped"
    assert "`gateway up` starts one" in broker["detail"]


def _unnamed(usual: SecretStr) -> Settings:
    """Settings that name no broker, on a machine where none is at the usual place."""
    settings = Settings(api_port=0).model_copy(update={"amqp_url": usual})
    settings.model_fields_set.clear()
    return settings


@pytest.mark.parametrize("process", ["api", "console"])
async def test_port_is_free_or_a_gateways(gateway_url: str, process: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        settings = {
            "AMQP_URL": gateway_url,
            f"{process.upper()}_PORT": str(other.getsockname()[1]),
        }
        taken = (await examine(settings))[f"{process} port"]
    free = (await examine(settings))[f"{process} port"]
    assert taken["state"] == "wrong"
    assert "another program listens at" in taken["detail"]
    assert free["state"] == "ok"
