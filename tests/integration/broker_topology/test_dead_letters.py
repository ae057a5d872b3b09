"""Looking at dead letters and working on them, on a real broker."""

import json
import os
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import pika
import pika.data
import pytest

from broker_topology.dead_letters import archive, queue, walk
from broker_topology.dead_letters.importing import import_file
from broker_topology.dead_letters.letter import group
from broker_topology.dead_letters.queue import (
    DeadLetterError,
    Patience,
    QueueBusyError,
    QueueRefusedError,
)
from broker_topology.dead_letters.report import specimen_json
from broker_topology.dead_letters.requeue import requeue
from broker_topology.dead_letters.selection import Selection, by_ids
from common.broker.consumer import clean_headers
from common.channels import Channel, Priority
from common.envelope import Delivery
from common.errors import ArgumentError
from common.facts import moment
from common.settings import Rate
from common.times import epoch_ms, utc_now
from deploy.local.node import Node
from senders.outcome import Rejected
from tests.support.dead_letters import (
    DEAD_SINCE,
    STRANGE_TABLES,
    bury,
    bury_all,
    bury_many,
    ids_in,
    reason,
)
from tests.support.polling import eventually
from tests.support.providers.scripted import ScriptedProvider, running_sender
from tests.support.queues import (
    EventLog,
    amqp_channel,
    count,
    make_delivery,
    put,
    take,
    writing_doubles,
)

EVERYTHING = Selection()
DEAD, QUEUE = "telegram.dead", "telegram.normal"


STRANGE = {"to be": "replaced"}
_encode_table: Callable[[list[bytes], dict[str, Any]], int] = pika.data.encode_table


def listed(url: str, selection: Selection = EVERYTHING) -> list[str]:
    with closing(walk.iterate(url, selection)) as found:
        return [letter.id for letter in found]


def test_looking_changes_neither_order_nor_count(gateway_url: str) -> None:
    ids = bury_many(gateway_url, 4000)  # more than are taken at once
    for look in (1, 3, 600, 4000) * 3:
        with closing(walk.iterate(gateway_url, EVERYTHING)) as found:
            seen = [letter.id for letter in islice(found, look)]
        assert seen == ids[:look]
        assert count(gateway_url, DEAD) == 4000
    assert ids_in(gateway_url) == ids


def test_page_tells_whether_there_is_more(gateway_url: str) -> None:
    ids = bury_many(gateway_url, 3)
    letters, more = walk.page(gateway_url, EVERYTHING, 2)
    assert ([letter.id for letter in letters], more) == (ids[:2], True)
    assert walk.page(gateway_url, EVERYTHING, 3)[1] is False


def test_all_channels_are_gone_through_and_filtered(gateway_url: str) -> None:
    vk = make_delivery(channel=Channel.VK, address="7", tags=["orders"])
    telegram = make_delivery()
    bury_all(gateway_url, [(telegram, reason("403")), (vk, reason("901", "exhausted"))])
    assert listed(gateway_url) == [telegram.id, vk.id]
    assert listed(gateway_url, Selection(channel="vk")) == [vk.id]
    assert listed(gateway_url, Selection(tag="orders")) == [vk.id]
    assert [(one.queue, one.count) for one in group(walk.iterate(gateway_url, EVERYTHING))]


def test_letter_of_the_brokers_is_named_so_and_can_be_sent_again(gateway_url: str) -> None:
    delivery = make_delivery()
    put(gateway_url, delivery)
    with amqp_channel(gateway_url) as channel:
        for _ in range(21):
            method, _, _ = channel.basic_get(QUEUE)
            channel.basic_nack(method.delivery_tag, requeue=True)
        while not channel.queue_declare(DEAD, passive=True).method.message_count:
            time.sleep(0.05)
    [letter] = walk.page(gateway_url, EVERYTHING, 5)[0]
    assert (letter.id, letter.failed_as, letter.code) == (delivery.id, "broker", "delivery_limit")
    assert letter.failed_at is not None
    assert abs(letter.failed_at - utc_now()) < timedelta(minutes=1)
    assert requeue(gateway_url, EVERYTHING).requeued == 1
    [(headers, body)] = take(gateway_url, QUEUE)
    assert body == delivery.encode()
    assert not [name for name in headers if "death" in name]


def test_what_no_queue_wanted_is_listed_and_requeued(gateway_url: str) -> None:
    delivery = make_delivery()
    with amqp_channel(gateway_url) as channel:
        properties = pika.BasicProperties(delivery_mode=2, message_id=delivery.id)
        channel.basic_publish("due", "1s.telegram.urgent", delivery.encode(), properties)
    [letter] = walk.page(gateway_url, Selection(failed_as="unrouted"), 5)[0]
    assert (letter.queue, letter.code) == ("unrouted", "due")
    assert "1s.telegram.urgent" in letter.message
    assert requeue(gateway_url, by_ids([letter.id])).requeued == 1
    assert count(gateway_url, QUEUE) == 1


def test_requeued_delivery_is_a_new_generation_with_its_whole_time(gateway_url: str) -> None:
    delivery = make_delivery(
        priority=Priority.HIGH,
        accepted_at=utc_now() - timedelta(days=3),
        expires_at=utc_now() - timedelta(days=2),
    )
    more = {"gw-generation": 1, "gw-address": "77", "traceparent": "00-1-2-01"}
    bury(gateway_url, delivery, reason() | more)
    assert requeue(gateway_url, EVERYTHING).requeued == 1
    [(headers, body)] = take(gateway_url, "telegram.high")
    assert body == delivery.encode()
    expires_at_ms = headers.pop("gw-expires-at")
    assert expires_at_ms == pytest.approx(epoch_ms(utc_now() + timedelta(days=1)), abs=30_000)
    assert clean_headers(headers) == {
        "gw-generation": 2,
        "gw-address": "77",
        "traceparent": "00-1-2-01",
    }
    assert count(gateway_url, DEAD) == 0


def test_headers_that_cannot_be_written_again_are_left_out(gateway_url: str) -> None:
    with writing_doubles():
        bury(gateway_url, make_delivery(), reason() | {"measured": 1e300, "theirs": "x"})
    assert requeue(gateway_url, EVERYTHING).requeued == 1
    [(headers, _)] = take(gateway_url, QUEUE)
    assert (headers.get("theirs"), headers.get("measured")) == ("x", None)


def test_letters_with_odd_moments_and_names_stand_in_nobodys_way(gateway_url: str) -> None:
    first, last = (moment.replace(tzinfo=UTC) for moment in (datetime.min, datetime.max))
    odd = [
        make_delivery(accepted_at=first, expires_at=last),
        make_delivery(accepted_at=last, expires_at=first),
        make_delivery(id="long" * 100),
    ]
    bury_all(gateway_url, [(one.encode(), reason() | {"gw-first-at": 2**53}) for one in odd])
    bury(gateway_url, make_delivery())
    for specimen in walk.specimens(gateway_url, EVERYTHING):
        assert specimen_json(specimen, content=False)["history"]
    assert requeue(gateway_url, EVERYTHING).requeued == 4
    latest = epoch_ms(utc_now() + timedelta(days=30))
    for headers, _ in take(gateway_url, QUEUE):
        assert latest - 30 * 86_400_000 - 60_000 <= headers["gw-expires-at"] <= latest


@pytest.mark.parametrize("table", STRANGE_TABLES.values(), ids=STRANGE_TABLES)
def test_headers_that_cannot_be_read_hold_up_no_letter(
    gateway_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, table: bytes
) -> None:
    strange, other = make_delivery(), make_delivery()
    with monkeypatch.context() as patched:
        patched.setattr(pika.data, "encode_table", partial(_written, table))
        bury(gateway_url, strange, STRANGE)
    bury(gateway_url, other)
    with closing(walk.specimens(gateway_url, EVERYTHING)) as found:
        shown = [specimen_json(one, content=True) for one in found]
    assert [one["id"] for one in shown] == [strange.id, other.id]
    assert shown[0]["message"] == "its AMQP headers cannot be read"
    file = tmp_path / "archive.jsonl"
    assert archive.discard(gateway_url, EVERYTHING, file).discarded == 2
    assert import_file(gateway_url, file).total == 2
    assert requeue(gateway_url, EVERYTHING).requeued == 2
    assert ids_in(gateway_url, "telegram.normal") == [strange.id, other.id]


def _written(table: bytes, pieces: list[bytes], value: dict[str, Any]) -> int:
    if value != STRANGE:
        return _encode_table(pieces, value)
    pieces.append(table)
    return len(table)


async def test_expired_dead_letter_that_is_requeued_is_sent(gateway_url: str) -> None:
    events, channel = EventLog(gateway_url), ScriptedProvider()
    channel.script("hello", Rejected("403", "blocked"))
    past = utc_now() - timedelta(hours=2)
    bury(gateway_url, make_delivery(accepted_at=past, expires_at=past + timedelta(hours=1)))
    assert requeue(gateway_url, EVERYTHING, redirect="99").requeued == 1
    async with running_sender(channel, gateway_url):
        await eventually(lambda: "failed" in events.types())
        assert requeue(gateway_url, EVERYTHING).requeued == 1
        await eventually(lambda: "sent" in events.types())
    assert [address for _, address, _ in channel.calls] == ["99", "99"]
    life = [(event.type, event.generation, event.attempt) for event in events.read()]
    assert sorted(life, key=lambda fact: fact[1:]) == [
        ("redirected", 1, 0),
        ("failed", 1, 1),
        ("requeued", 2, 0),
        ("sent", 2, 1),
    ]
    assert {event.address for event in events.read()} == {"99"}


def test_requeue_takes_only_what_is_selected_and_keeps_the_rest_in_order(gateway_url: str) -> None:
    ids = bury_many(gateway_url, 900, ("403", "429", "500"))  # more than are taken at once
    list(walk.iterate(gateway_url, EVERYTHING))
    assert requeue(gateway_url, Selection(code="4*"), limit=10).requeued == 10
    wanted = [one for number, one in enumerate(ids) if number % 3 != 2]
    assert requeue(gateway_url, Selection(code="403", to="telegram:4*")).requeued == 295
    left = [one for number, one in enumerate(ids) if number % 3 == 2 or one in wanted[10:]]
    left = [one for one in left if ids.index(one) % 3 != 0]
    assert listed(gateway_url) == left
    assert ids_in(gateway_url) == left


def test_pass_that_takes_too_long_goes_on_from_the_front(gateway_url: str) -> None:
    ids = bury_many(gateway_url, 40, ("403", "429"))
    done = requeue(
        gateway_url, Selection(code="403"), rate=Rate(30, 1), patience=Patience(pass_s=0.2)
    )
    assert done.requeued == 20
    assert ids_in(gateway_url, QUEUE) == ids[::2]
    assert ids_in(gateway_url) == ids[1::2]


def test_what_dies_meanwhile_is_not_swept_up(gateway_url: str) -> None:
    bury_many(gateway_url, 20)
    late = make_delivery(text="late")

    def arrive(done: int) -> None:
        if done == 5:
            bury(gateway_url, late)

    assert requeue(gateway_url, EVERYTHING, on_progress=arrive).requeued == 20
    assert listed(gateway_url) == [late.id]


def test_rate_is_kept(gateway_url: str) -> None:
    bury_many(gateway_url, 11)
    began = time.monotonic()
    requeue(gateway_url, EVERYTHING, rate=Rate(20, 1))
    assert 0.5 <= time.monotonic() - began < 5


def test_garbage_is_shown_and_refused_and_survives_discard_and_import(
    gateway_url: str, tmp_path: Path
) -> None:
    garbage = [b"\xff\x00 not json", b"{}"]
    bury_all(gateway_url, [(body, reason("undecodable", "poison")) for body in garbage])
    bury(gateway_url, make_delivery())
    letters, _ = walk.page(gateway_url, Selection(failed_as="poison"), 9)
    assert [letter.fault is None for letter in letters] == [False, False]
    assert all(letter.id.startswith("body-") for letter in letters)

    done = requeue(gateway_url, EVERYTHING)
    assert (done.requeued, done.undecodable) == (1, 2)
    file = tmp_path / "kept" / "discarded.jsonl"
    assert archive.discard(gateway_url, EVERYTHING, file).discarded == 2
    assert count(gateway_url, DEAD) == 0
    assert file.stat().st_mode & 0o777 == 0o600

    assert import_file(gateway_url, file).total == 2
    assert [letter.id for letter in walk.page(gateway_url, EVERYTHING, 9)[0]] == [
        letter.id for letter in letters
    ]
    assert [body for _, body in take(gateway_url, DEAD)] == garbage


def test_imported_letter_is_what_was_exported(gateway_url: str, tmp_path: Path) -> None:
    delivery = make_delivery(text="Привет")
    bury(gateway_url, delivery)
    before = walk.find(gateway_url, delivery.id)
    file = tmp_path / "letters.jsonl"
    assert archive.export_to(gateway_url, EVERYTHING, file) == 1
    assert listed(gateway_url) == [delivery.id]
    assert json.loads(file.read_text())["headers"] == reason()
    take(gateway_url, DEAD)

    import_file(gateway_url, file)

    after = walk.find(gateway_url, delivery.id)
    assert (after.letter, after.body) == (before.letter, before.body)
    with pytest.raises(ArgumentError, match="cannot be written"):
        archive.export_to(gateway_url, EVERYTHING, file)


def test_import_leaves_out_what_died_again_since_or_lies_in_another_queue(
    gateway_url: str, tmp_path: Path
) -> None:
    died_again, moved, gone = make_delivery(), make_delivery(), make_delivery()
    bury_all(gateway_url, [(one, reason()) for one in (died_again, moved, gone)])
    file = tmp_path / "kept.jsonl"
    archive.discard(gateway_url, EVERYTHING, file)
    bury(gateway_url, died_again, reason() | {"gw-generation": 1})
    with amqp_channel(gateway_url) as channel:
        properties = pika.BasicProperties(delivery_mode=2, message_id=moved.id)
        channel.basic_publish("due", "1s.telegram.urgent", moved.encode(), properties)
    done = import_file(gateway_url, file)
    assert (done.total, done.present) == (1, 2)
    assert sorted(listed(gateway_url)) == sorted([died_again.id, moved.id, gone.id])


def test_letter_that_is_discarded_again_into_the_same_file_can_be_imported_again(
    gateway_url: str, tmp_path: Path
) -> None:
    bury_many(gateway_url, 2)
    file = tmp_path / "kept.jsonl"
    for _ in range(3):
        assert archive.discard(gateway_url, EVERYTHING, file).discarded == 2
        assert import_file(gateway_url, file).total == 2


def test_letter_is_in_the_file_before_it_leaves_the_queue(
    gateway_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bury_many(gateway_url, 3)
    file = tmp_path / "discarded.jsonl"
    sync, calls = os.fsync, []

    def fail(number: int) -> None:
        calls.append(number)
        if len(calls) == 1:  # the directory
            return sync(number)
        assert len(file.read_text().splitlines()) == 3
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", fail)
    with pytest.raises(DeadLetterError, match="No space left"):
        archive.discard(gateway_url, EVERYTHING, file)
    assert count(gateway_url, DEAD) == 3


def test_wrong_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "wrong.jsonl"
    file.write_text('{"id": "1", "queue": "telegram.dead", "body": "{}"}\nnonsense\n')
    with pytest.raises(DeadLetterError, match="line 2"):
        list(archive.read_records(file))
    for headers in ({"a": 10**30}, {"n" * 256: 1}, {"a": "x" * 125_000}):
        letter = {"id": "1", "queue": "telegram.dead", "body": "{}", "headers": headers}
        file.write_text(json.dumps(letter) + "\n")
        with pytest.raises(DeadLetterError, match="line 1"):
            list(archive.read_records(file))
    file.write_text('{"id": "1", "queue": "telegram.normal", "body": "{}"}\n')
    with pytest.raises(DeadLetterError, match="keeps no dead letters"):
        list(archive.read_records(file))


def test_channels_are_closed_on_the_way_and_take_no_ack_along(
    gateway_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queue, "MOST_WINDOWS", 12)
    monkeypatch.setattr(queue, "YOUNG_WINDOWS", 8)
    bury_many(gateway_url, 6000)  # 24 windows
    with queue.opened(gateway_url, DEAD) as locked:
        with locked.walk(6000) as way:
            while not way.is_over:
                for taken in [*way.window(250)]:
                    taken.ack()
            assert locked.connection.channel().channel_number < 20
        assert locked.ready() == 0
    assert count(gateway_url, DEAD) == 0


def test_second_operator_waits_and_then_is_told(gateway_url: str) -> None:
    ids = bury_many(gateway_url, 3)
    with queue.opened(gateway_url, DEAD):
        with pytest.raises(QueueBusyError, match=r"telegram\.dead"):
            walk.page(
                gateway_url, Selection(channel="telegram"), 1, patience=Patience(operator_s=0.3)
            )
        waiting = threading.Thread(target=listed, args=(gateway_url,))
        waiting.start()
    waiting.join(60)
    assert not waiting.is_alive()
    assert ids_in(gateway_url) == ids


def test_missing_queue_is_told_with_its_remedy(gateway_url: str) -> None:
    with amqp_channel(gateway_url) as channel:
        channel.queue_delete(DEAD)
    with pytest.raises(QueueRefusedError, match="gateway topology apply"):
        listed(gateway_url)


def test_missing_channel_queue_keeps_the_letter_where_it_is(gateway_url: str) -> None:
    delivery = make_delivery()
    bury(gateway_url, delivery)
    with amqp_channel(gateway_url) as channel:
        channel.queue_delete(QUEUE)
    with pytest.raises(DeadLetterError, match=r"no queue for telegram\.normal"):
        requeue(gateway_url, EVERYTHING)
    assert listed(gateway_url) == [delivery.id]
    assert count(gateway_url, "unrouted") == 0


def test_unknown_and_doubled_ids(gateway_url: str) -> None:
    delivery = make_delivery()
    bury_all(gateway_url, [(delivery, reason())] * 2)
    done = requeue(gateway_url, by_ids([delivery.id, "nobody"]))
    assert (done.requeued, done.missing) == (1, ["nobody"])
    assert count(gateway_url, DEAD) == 1
    with pytest.raises(walk.NoSuchLetterError, match="nobody"):
        walk.find(gateway_url, "nobody")


def test_show_has_all_that_is_known(gateway_url: str) -> None:
    delivery = make_delivery()
    bury(gateway_url, delivery)
    specimen = walk.find(gateway_url, delivery.id)
    assert specimen.headers["gw-fail-message"] == "the provider said 403"
    assert Delivery.decode(specimen.body) == delivery
    assert specimen.letter.failed_at == DEAD_SINCE
    assert (specimen.exchange, specimen.routing_key) == ("dead", QUEUE)


def test_discard_and_import_are_told_each_time_they_are_done(
    gateway_url: str, tmp_path: Path
) -> None:
    events, file = EventLog(gateway_url), tmp_path / "kept.jsonl"
    delivery = make_delivery(owner="shop", origin={"kind": "batch", "id": "7"})
    unreadable = make_delivery().id
    bury(gateway_url, delivery, reason() | {"gw-generation": 1})
    with amqp_channel(gateway_url) as channel:
        properties = pika.BasicProperties(delivery_mode=2, message_id=unreadable, headers=reason())
        channel.basic_publish("dead", "telegram.normal", b"\xff", properties)
    for again in (False, True):
        assert archive.discard(gateway_url, EVERYTHING, file).discarded == 2
        assert import_file(gateway_url, file, again=again).total == 2

    told = [one for one in events.read() if one.delivery_id == delivery.id]
    assert [one.type for one in told] == ["discarded", "imported"] * 2
    assert len({one.id for one in told}) == 4
    assert {(one.generation, one.attempt, one.owner) for one in told} == {(1, 2, "shop")}
    assert [max(told[: n + 1], key=moment).type for n in range(4)] == [one.type for one in told]
    other = [one.type for one in events.read() if one.delivery_id == unreadable]
    assert other == ["discarded", "imported"] * 2


def test_import_tells_of_a_letter_that_was_put_back_and_not_told(
    gateway_url: str, tmp_path: Path
) -> None:
    events, file = EventLog(gateway_url), tmp_path / "kept.jsonl"
    bury(gateway_url, make_delivery())
    archive.discard(gateway_url, EVERYTHING, file)
    import_file(gateway_url, file)
    file.with_name("kept.jsonl.imported").unlink()  # as when it was killed before it could write
    assert import_file(gateway_url, file).present == 1
    first, second = (one for one in events.read() if one.type == "imported")
    assert first.id == second.id


@pytest.mark.parametrize("way", ["missing", "forbidden"])
def test_work_goes_on_when_it_cannot_be_told(
    gateway_url: str, broker: Node, tmp_path: Path, caplog: pytest.LogCaptureFixture, way: str
) -> None:
    ids, file, url = bury_many(gateway_url, 30), tmp_path / "kept.jsonl", gateway_url
    if way == "missing":
        with amqp_channel(gateway_url) as channel:
            channel.exchange_delete("events")
    else:
        vhost = gateway_url.rpartition("/")[2]
        broker.ctl("add_user", vhost, "password")
        allowed = r"^(?!events$).*"
        broker.ctl("set_permissions", "-p", vhost, vhost, ".*", allowed, ".*")
        host = gateway_url.rpartition("@")[2]
        url = f"amqp://{vhost}:password@{host}"
    assert archive.discard(url, EVERYTHING, file).discarded == 30
    assert import_file(url, file).total == 30
    assert requeue(url, EVERYTHING).requeued == 30
    assert ids_in(gateway_url, QUEUE) == ids
    told = [one.getMessage() for one in caplog.records if "cannot be told" in one.getMessage()]
    assert len(told) == 3, "once for each command"
    assert "gateway topology check" in told[0]
