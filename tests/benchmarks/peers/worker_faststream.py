"""A FastStream worker that sends emails with aiosmtplib, publishes an event, and acks after it.

PEER_SMTP_PORT: where mail goes; without it nothing is sent. PEER_LANES: how many at once.
"""

import asyncio
import os

import uvloop
from aiosmtplib import SMTP
from faststream import AckPolicy, FastStream
from faststream.rabbit import Channel, QueueType, RabbitBroker, RabbitQueue
from mail import write_email
from pydantic import BaseModel

PORT = os.environ.get("PEER_SMTP_PORT")
LANES = int(os.environ["PEER_LANES"])

broker = RabbitBroker(os.environ["PEER_AMQP_URL"], logger=None)
app = FastStream(broker, logger=None)
emails = RabbitQueue("email", queue_type=QueueType.QUORUM, durable=True)
events = RabbitQueue("events", queue_type=QueueType.QUORUM, durable=True)
idle: asyncio.LifoQueue[SMTP] = asyncio.LifoQueue()


class Delivery(BaseModel):
    id: str
    to: str
    subject: str
    text: str


@app.after_startup
async def prepare() -> None:
    await broker.declare_queue(events)
    for _ in range(LANES):
        idle.put_nowait(
            SMTP(hostname="127.0.0.1", port=int(PORT or 0), start_tls=False, timeout=30)
        )


@broker.subscriber(
    emails, channel=Channel(prefetch_count=LANES), ack_policy=AckPolicy.NACK_ON_ERROR
)
async def deliver(delivery: Delivery) -> None:
    if PORT:
        await send(delivery)
    event = {"type": "sent", "delivery_id": delivery.id}
    await broker.publish(event, queue=events, persist=True, mandatory=True)


async def send(delivery: Delivery) -> None:
    """Over one of the connections that are kept."""
    smtp = await idle.get()
    try:
        if not smtp.is_connected:
            await smtp.connect()
        message = write_email(delivery.id, delivery.to, delivery.subject, delivery.text)
        await smtp.send_message(message)
    finally:
        idle.put_nowait(smtp)


if __name__ == "__main__":
    uvloop.run(app.run())
