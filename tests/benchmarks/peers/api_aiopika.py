"""FastAPI that publishes with aio-pika."""

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import aio_pika
from aio_pika.abc import AbstractExchange
from fastapi import FastAPI
from wanted import Notification

exchange: AbstractExchange


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    global exchange
    connection = await aio_pika.connect_robust(os.environ["PEER_AMQP_URL"])
    async with connection:
        channel = await connection.channel(publisher_confirms=True, on_return_raises=True)
        await channel.declare_queue("email", durable=True, arguments={"x-queue-type": "quorum"})
        exchange = channel.default_exchange
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/v1/notifications", status_code=202)
async def accept(wanted: Notification) -> dict[str, str]:
    notification_id = str(uuid4())
    for number, to in enumerate(wanted.to, 1):
        delivery_id = f"{notification_id}-{number}"
        body = {"id": delivery_id, "to": to, "subject": wanted.subject, "text": wanted.text}
        message = aio_pika.Message(
            json.dumps(body).encode(),
            content_type="application/json",
            delivery_mode=aio_pika.DeliveryMode.PERSISTENT,
            message_id=delivery_id,
        )
        await exchange.publish(message, routing_key="email", mandatory=True, timeout=5)
    return {"id": notification_id, "status": "queued"}
