"""What docs/deployment.md says to do starts a gateway that delivers."""

import json
from urllib.parse import urlsplit

from tests.containers.stack import (
    LASTING,
    OURS,
    PROVIDERS,
    Stack,
    document_commands,
    run_compose,
    shell,
)
from tests.support.clients.console_client import sealed
from tests.support.deployments import DEPLOY
from tests.support.polling import until


def test_every_service_becomes_healthy(stack: Stack) -> None:
    for service in LASTING:
        assert stack.inspect(service)["State"]["Health"]["Status"] == "healthy"
    assert stack.inspect("topology")["State"]["ExitCode"] == 0


def test_what_is_posted_reaches_every_provider(stack: Stack) -> None:
    url = f"http://{PROVIDERS}:8025/webhook/orders"
    recipients = ("email:ada@example.com", "telegram:42", "vk:123", f"webhook:{url}")
    stack.accepted(*recipients, text="Your order is sent.")
    until(lambda: stack.inbox(channel="email", recipient="ada@example.com"))
    until(lambda: stack.inbox(channel="telegram", recipient="42"))
    until(lambda: stack.inbox(channel="vk", recipient="123"))
    [webhook] = until(lambda: stack.inbox(channel="webhook", recipient=url))
    assert webhook["signature"] == "valid"


def test_a_stranger_without_the_key_is_refused(stack: Stack) -> None:
    answer = stack.api.post("/v1/notifications", headers={"Authorization": "Bearer of-no-one"})
    assert answer.status_code == 401


def test_dead_letters_are_the_consoles_and_discarded_into_the_callers_hands(stack: Stack) -> None:
    stack.fail_next("telegram", "blocked", recipient="666")
    [delivery] = stack.accepted("telegram:666")
    until(lambda: stack.console.get("/v1/dead-letters").json()["dead_letters"])
    assert stack.api.get("/v1/dead-letters").status_code == 404
    archive = stack.console.post(
        "/v1/dead-letters/archive", json={"filter": {"channel": "telegram"}}
    )
    letters, order = sealed(archive.content)
    assert [one["id"] for one in letters] == [delivery]
    begun = stack.console.post("/v1/dead-letters/discard", json=order)
    until(lambda: stack.console.get(begun.headers["Location"]).json()["state"] == "done")
    assert stack.console.get("/v1/dead-letters").json()["dead_letters"] == []


def test_starting_again_replaces_no_container(stack: Stack) -> None:
    before = {service: stack.containers(service) for service in [*LASTING, PROVIDERS]}
    _, start, _ = document_commands()
    shell(start)
    assert {service: stack.containers(service) for service in before} == before


def test_every_process_runs_with_a_broker_user_of_its_own(stack: Stack) -> None:
    services = OURS
    told = run_compose("run", "--rm", "--no-TTY", "topology", "topology", "users", "--json")
    urls = {user["role"]: user["url"] for user in json.loads(told)}
    for service in services:
        name = f"amqp_url_{service.removeprefix('sender-')}"
        (DEPLOY / "secrets" / name).write_text(urls[service])
    run_compose("restart", *services)
    stack.await_health()
    users = ("rabbitmqctl", "--quiet", "--no-table-headers", "list_connections", "user")
    own = {urlsplit(urls[service]).username for service in services}
    until(lambda: set(stack.run("broker", *users).stdout.split()) == own)
    stack.accepted("email:own@example.com", "telegram:77", "vk:77")
    until(lambda: stack.inbox(channel="email", recipient="own@example.com"))
    until(lambda: stack.inbox(channel="telegram", recipient="77"))
    until(lambda: stack.inbox(channel="vk", recipient="77"))
