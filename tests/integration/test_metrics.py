"""Metrics and health of running processes, and the broker's own metrics that the rules read."""

import re
from collections.abc import Iterator

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from broker_topology.apply import apply
from deploy.local.node import Node, free_port
from senders.outcome import Misconfigured
from tests.support.polling import eventually, until
from tests.support.processes.running import Gateway, running_gateway
from tests.support.providers.scripted import ScriptedProvider, running_sender
from tests.support.proxy import Proxy
from tests.support.queues import count, make_delivery, put
from tests.unit.deploy.test_alerts import RABBITMQ

Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture(scope="module")
def gateway(broker: Node, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    directory = tmp_path_factory.mktemp("gateway")
    with running_gateway(broker, directory, metrics_port="0") as gateway:
        yield gateway


def scrape(url: str) -> Samples:
    """Every sample of a `/metrics` page."""
    page = httpx.get(url, timeout=30).raise_for_status().text
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
    }


def sample(samples: Samples, name: str, **labels: str) -> float | None:
    return samples.get((name, frozenset(labels.items())))


def sender_url(gateway: Gateway, channel: str) -> str:
    """Where a sender serves; it picked a free port and logged it."""
    log = gateway.stack.log_file(f"sender-{channel}")
    line = until(lambda: re.search(r'.*"metrics and health served".*', log.read_text()))
    port = re.search(r'"port": (\d+)', line[0])
    assert port is not None
    return f"http://127.0.0.1:{port[1]}"


def test_api_and_senders_count_what_happens(gateway: Gateway) -> None:
    gateway.accepted("email:metrics@example.com", "telegram:5101")
    gateway.accepted("email:twice+metrics@example.com", priority="high")
    gateway.accepted("email:bounce+metrics@example.com")
    assert gateway.post("email:nobody").status_code == 422
    until(lambda: count(gateway.amqp_url, "email.dead"))
    until(lambda: gateway.inbox(recipient="twice+metrics@example.com"))
    until(lambda: gateway.inbox(recipient="5101"))

    api = scrape(f"{gateway.api.base_url}/metrics")
    accepted = "gateway_deliveries_accepted_total"
    assert sample(api, accepted, channel="email", priority="normal") == 2
    assert sample(api, accepted, channel="email", priority="high") == 1
    assert sample(api, "gateway_notifications_accepted_total", priority="normal") == 2
    assert sample(api, "gateway_requests_refused_total", code="invalid_request") == 1
    assert sample(api, "gateway_broker_connected") == 1

    url = sender_url(gateway, "email")
    attempts = "gateway_attempts_total"
    high = {"channel": "email", "priority": "high"}

    def counted() -> Samples | None:
        """All of it: a lane counts an attempt before it is done with it."""
        found = scrape(f"{url}/metrics")
        is_sent = sample(found, attempts, channel="email", outcome="sent") == 2
        buried = sample(
            found, "gateway_dead_letters_total", channel="email", **{"class": "rejected"}
        )
        is_idle = sample(found, "gateway_lanes_busy", **high) == 0
        return found if is_sent and buried and is_idle else None

    email = until(counted)
    assert sample(email, attempts, channel="email", outcome="transient") == 2
    assert sample(email, attempts, channel="email", outcome="rejected") == 1
    assert sample(email, attempts, channel="email", outcome="crashed") == 0
    assert sample(email, "gateway_retries_total", channel="email") == 2
    assert sample(email, "gateway_parked_total", channel="email", reason="retry") == 2
    dead = {"channel": "email", "class": "rejected"}
    assert sample(email, "gateway_dead_letters_total", **dead) == 1
    assert sample(email, "gateway_provider_call_seconds_count", channel="email") == 5
    assert sample(email, "gateway_time_in_queue_seconds_count", **high) == 3
    waited_s = sample(email, "gateway_time_in_queue_seconds_sum", **high)
    assert waited_s is not None
    assert 0 < waited_s < 15, "without the delays of a second and more"
    assert sample(email, "gateway_lanes", **high) == 2
    assert not [name for name, labels in email if ("channel", "telegram") in labels]


def test_busy_lane_shows(gateway: Gateway) -> None:
    url = sender_url(gateway, "vk")
    gateway.begin_slow("vk", "5102")
    busy = {"channel": "vk", "priority": "normal"}
    until(lambda: sample(scrape(f"{url}/metrics"), "gateway_lanes_busy", **busy) == 1)
    until(lambda: sample(scrape(f"{url}/metrics"), "gateway_lanes_busy", **busy) == 0)


def test_metrics_name_no_recipient_and_no_secret(gateway: Gateway) -> None:
    gateway.accepted("email:private.person@example.com", "telegram:515151")
    until(lambda: gateway.inbox(recipient="515151"))
    until(lambda: gateway.inbox(recipient="private.person@example.com"))
    senders = (sender_url(gateway, channel) for channel in ("email", "telegram"))
    for url in (str(gateway.api.base_url).rstrip("/"), *senders):
        page = httpx.get(f"{url}/metrics", timeout=30).text
        assert not re.search("private|example[.]com|515151|sandbox", page)


async def test_refused_account_is_not_ready_until_a_probe_passes(gateway_url: str) -> None:
    channel, port = ScriptedProvider(), free_port()
    channel.script("hello", *[Misconfigured("401")] * 1000)
    put(gateway_url, make_delivery())
    async with (
        running_sender(channel, gateway_url, metrics_port=str(port)),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        await eventually(lambda: _is_refused(client, 1.0))
        answer = await eventually(lambda: _not_ready(client))
        assert answer.json()["broker"] == "ok"
        assert "refused" in answer.json()["account"]
        assert (await client.get("/healthz")).status_code == 200
        channel.scripts["hello"].clear()
        await eventually(lambda: _ready(client))
        await eventually(lambda: _is_refused(client, 0.0))


async def test_lost_broker_is_not_ready_and_reconnects_are_counted(gateway_url: str) -> None:
    port = free_port()
    async with (
        Proxy.to(gateway_url) as proxy,
        running_sender(ScriptedProvider(), proxy.url, metrics_port=str(port)),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
    ):
        await eventually(lambda: _ready(client))
        before = await _reconnects(client)
        proxy.is_refusing = True
        proxy.cut()
        answer = await eventually(lambda: _not_ready(client))
        assert answer.json()["broker"] == "unreachable"
        proxy.is_refusing = False
        await eventually(lambda: _ready(client))

        async def has_counted() -> bool:
            return await _reconnects(client) == before + 2  # it consumes on one, publishes on one

        await eventually(has_counted)


def test_broker_exports_what_the_rules_read(broker: Node) -> None:
    vhost = "metrics-of-the-broker"
    apply(broker.add_vhost(vhost))
    port = free_port()
    plugins = broker.directory / "enabled_plugins"
    before = plugins.read_text()
    try:
        plugins.write_text("[rabbitmq_management,rabbitmq_prometheus].\n")
        broker.ctl(
            "eval",
            "application:load(rabbitmq_prometheus), application:set_env(rabbitmq_prometheus, "
            f'tcp_config, [{{ip, "127.0.0.1"}}, {{port, {port}}}]), '
            f'rabbit_plugins:ensure("{plugins}").',
            timeout_s=120,
        )
        base = f"http://127.0.0.1:{port}/metrics"
        alarms = {name for name in RABBITMQ if "alarm" in name}
        until(lambda: {name for name, _ in _scraped(base)} >= alarms)
        url = f"{base}/detailed?family=queue_coarse_metrics&vhost={vhost}"
        until(lambda: _all_there(url, "email.normal"))
    finally:
        plugins.write_text(before)
        broker.ctl("eval", f'rabbit_plugins:ensure("{plugins}").', timeout_s=120)
        broker.delete_vhost(vhost)


def _scraped(url: str) -> Samples:
    """The same of a broker that may be too busy to answer."""
    try:
        return scrape(url)
    except httpx.TransportError:
        return {}


def _all_there(url: str, queue: str) -> bool:
    """Whether the broker shows every metric of this queue that the rules read."""
    shown = {name for name, labels in _scraped(url) if ("queue", queue) in labels}
    return shown >= {name for name in RABBITMQ if "detailed" in name}


async def _is_refused(client: httpx.AsyncClient, value: float) -> bool:
    """Whether the metrics say so of the account, 1 for yes."""
    try:
        page = (await client.get("/metrics")).text
    except httpx.TransportError:
        return False
    return f'gateway_account_refused{{channel="telegram"}} {value}' in page


async def _ready(client: httpx.AsyncClient) -> bool:
    return (await _ask(client)) == 200


async def _ask(client: httpx.AsyncClient) -> int:
    try:
        return (await client.get("/readyz")).status_code
    except httpx.TransportError:
        return 0


async def _not_ready(client: httpx.AsyncClient) -> httpx.Response | None:
    if (await _ask(client)) != 503:
        return None
    answer = await client.get("/readyz")
    return answer if answer.status_code == 503 else None


async def _reconnects(client: httpx.AsyncClient) -> float:
    page = (await client.get("/metrics")).text
    found = re.search(r"^gateway_broker_reconnects_total (\S+)$", page, re.M)
    assert found is not None
    return float(found[1])
