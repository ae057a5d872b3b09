"""Accepting a notification without a request over HTTP: ids, owner and origin are the caller's."""

from uuid import UUID

from common.envelope import Origin
from common.settings import Settings
from gateway_api.access.caller import Caller
from gateway_api.notifications.acceptance import Acceptance
from gateway_api.topology_watch import TopologyWatch
from tests.support.clients.api_client import FakeBroker, FakePublisher

BODY = b'{"to": ["telegram:42", "telegram:43"], "text": "hello"}'
ITS_ID = UUID("01a1ff93-c847-730e-b5f1-47480b12432a")


async def test_who_accepts_again_under_the_same_id_gives_every_delivery_its_id_again() -> None:
    broker = FakeBroker()
    watch = TopologyWatch(broker)
    watch.missing = ()
    acceptance = Acceptance(Settings(), broker, FakePublisher(broker), watch)
    origin = Origin(kind="schedule", id="daily")
    for _ in range(2):
        accepted = await acceptance.accept(
            BODY, {}, notification_id=ITS_ID, caller=Caller("shop"), origin=origin
        )
        assert [one.id for one in accepted] == [f"{ITS_ID}-1", f"{ITS_ID}-2"]
    published = [one.delivery for one in broker.published]
    assert [one.id for one in published] == [f"{ITS_ID}-1", f"{ITS_ID}-2"] * 2
    assert {(one.owner, one.origin) for one in published} == {("shop", origin)}
