"""TLS to the broker by both clients, with an authority made here: what opens, and what must not.

The broker demands a client certificate; its own is for `localhost` only, not for 127.0.0.1.
"""

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from broker_topology.apply import apply
from broker_topology.check import check
from broker_topology.connect import TopologyError
from broker_topology.users import provide_users
from common.broker.connection import Broker
from common.broker.consumer import Received
from common.broker.errors import NotConnected
from common.broker.lanes import Lane
from common.broker.publisher import Publisher
from common.settings import load_settings
from common.times import utc_now
from deploy.local.node import Node, free_port
from deploy.local.server import find_scripts
from senders.limits.limiter import Limiter
from tests.integration.gateway_api.test_api import NOTIFICATION, PATH, api, until_ready
from tests.support.polling import eventually
from tests.support.queues import make_delivery

pytestmark = pytest.mark.skipif(
    find_scripts() is None, reason="needs rabbitmq-server on this machine"
)

CLIENT_FILES = {"CA": "ca.pem", "CERT": "client.pem", "KEY": "client.key"}


@dataclass(frozen=True)
class TlsBroker:
    """A node with TLS listeners, and the directory with everybody's certificates."""

    node: Node
    directory: Path
    port: int
    management_url: str

    def settings(self, host: str = "localhost", **files: str) -> dict[str, str]:
        """The settings of a client; files: those of CLIENT_FILES that differ, "" for none."""
        url = f"amqps://{self.node.user}:{self.node.password}@{host}:{self.port}/tls"
        chosen = {
            f"GATEWAY_AMQP_{name}_FILE": str(self.directory / file)
            for name, file in (CLIENT_FILES | files).items()
            if file
        }
        return {"GATEWAY_AMQP_URL": url} | chosen

    def url(self, host: str = "localhost", **files: str) -> str:
        """The whole address that these settings make."""
        return load_settings(self.settings(host, **files)).broker_url


def issue(authority: trustme.CA, directory: Path, name: str, identity: str) -> None:
    """Write `<name>.pem` and `<name>.key`."""
    certificate = authority.issue_cert(identity)
    certificate.cert_chain_pems[0].write_to_path(directory / f"{name}.pem")
    certificate.private_key_pem.write_to_path(directory / f"{name}.key")


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsBroker]:
    files = tmp_path_factory.mktemp("certificates")
    ours, other = trustme.CA(), trustme.CA()
    ours.cert_pem.write_to_path(files / "ca.pem")
    other.cert_pem.write_to_path(files / "other-ca.pem")
    issue(ours, files, "server", "localhost")
    issue(ours, files, "client", "gateway@example.com")
    issue(other, files, "stranger", "gateway@example.com")
    node = Node.create(tmp_path_factory.mktemp("broker") / "node")
    port, management_port = free_port(), free_port()
    (node.directory / "conf.d").mkdir()
    (node.directory / "conf.d" / "tls.conf").write_text(
        f"listeners.ssl.1 = 127.0.0.1:{port}\n"
        f"ssl_options.cacertfile = {files}/ca.pem\n"
        f"ssl_options.certfile = {files}/server.pem\n"
        f"ssl_options.keyfile = {files}/server.key\n"
        "ssl_options.verify = verify_peer\n"
        "ssl_options.fail_if_no_peer_cert = true\n"
        "management.ssl.ip = 127.0.0.1\n"
        f"management.ssl.port = {management_port}\n"
        f"management.ssl.certfile = {files}/server.pem\n"
        f"management.ssl.keyfile = {files}/server.key\n"
    )
    with node:
        apply(node.add_vhost("tls"))
        yield TlsBroker(node, files, port, f"https://localhost:{management_port}")


def test_topology_is_declared_and_checked_over_tls(tls: TlsBroker) -> None:
    assert apply(tls.url()).queues > 0
    diff = check(tls.url(), tls.management_url)
    assert (diff.same, diff.bindings_checked, diff.notes) == (True, True, ())


def test_users_are_made_over_tls_and_get_the_address_without_files(tls: TlsBroker) -> None:
    [user, *_] = provide_users(tls.url(), tls.management_url)
    assert user.url.startswith("amqps://gateway-api:")
    assert user.url.endswith(f"@localhost:{tls.port}/tls")


async def test_delivery_is_published_consumed_and_acked_over_tls(tls: TlsBroker) -> None:
    got: list[bytes] = []
    delivery = make_delivery(accepted_at=utc_now())

    async def take(received: Received) -> None:
        got.append(received.body)
        await received.ack()

    async with Broker(tls.url(), name="test") as broker:
        await broker.connected(60)
        lane = Lane(broker, delivery.routing_key, take, Limiter())
        running = asyncio.create_task(lane.run())
        await Publisher(broker).publish(
            "notifications",
            delivery.routing_key,
            delivery.encode(),
            message_id=delivery.id,
            timeout_s=60,
        )
        await eventually(lambda: got == [delivery.encode()])
        lane.stop()
        await running


async def test_more_is_published_at_once_than_the_socket_takes(tls: TlsBroker) -> None:
    async with Broker(tls.url(), name="test") as broker:
        await broker.connected(60)
        publisher = Publisher(broker)
        async with asyncio.timeout(60):
            await asyncio.gather(
                *(
                    publisher.publish(
                        "events", "email.sent", b"x" * 100_000, message_id=f"m-{number}",
                        mandatory=False,
                    )
                    for number in range(200)
                )
            )  # fmt: skip


async def test_api_process_accepts_over_tls(tls: TlsBroker) -> None:
    settings = tls.settings()
    async with api(settings.pop("GATEWAY_AMQP_URL"), **settings) as client:
        await until_ready(client)
        assert (await client.post(PATH, json=NOTIFICATION)).status_code == 202


FAULTS: list[tuple[Callable[[TlsBroker], str], str]] = [
    (lambda tls: tls.url(CA="other-ca.pem"), "cannot be trusted"),
    (lambda tls: tls.url(CA=""), "set GATEWAY_AMQP_CA_FILE"),
    (lambda tls: tls.url("127.0.0.1"), "the broker at 127.0.0.1 is not for that name"),
    (lambda tls: tls.url(CERT="", KEY=""), "client certificate"),
    (lambda tls: tls.url(CERT="stranger.pem", KEY="stranger.key"), "client certificate"),
    (
        lambda tls: tls.url().replace(str(tls.port), str(tls.node.amqp_port)),
        "check the URL's scheme",
    ),
]
"""An address with one thing wrong, and the words by which both clients say so.

Over TLS 1.3 a refused client certificate may look like a connection that was hung up; the sentence
then speaks of the certificate all the same.
"""
NAMES = ["other CA", "no CA", "other host name", "no certificate", "stranger", "plain port"]


@pytest.mark.parametrize(("address", "words"), FAULTS, ids=NAMES)
def test_operator_is_told_why_tls_fails(
    tls: TlsBroker, address: Callable[[TlsBroker], str], words: str
) -> None:
    with pytest.raises(TopologyError) as raised:
        apply(address(tls))
    sentence = str(raised.value)
    assert words in sentence, repr(raised.value.__cause__)
    assert "\n" not in sentence
    assert f":{tls.node.password}@" not in sentence


@pytest.mark.parametrize(("address", "words"), FAULTS, ids=NAMES)
async def test_process_does_not_connect_and_says_why(
    tls: TlsBroker, address: Callable[[TlsBroker], str], words: str
) -> None:
    async with Broker(address(tls), name="test") as broker:

        async def is_told() -> bool:
            with pytest.raises(NotConnected) as raised:
                await broker.connected(0.2)
            return words in str(raised.value)

        await eventually(is_told)
