"""FastAPI that publishes with FastStream."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

from fastapi import FastAPI
from faststream.rabbit import QueueType, RabbitBroker, RabbitQueue
from wanted import Notification

broker = RabbitBroker(os.environ["PEER_AMQP_URL"], logger=None)
emails = RabbitQueue("email", queue_type=QueueType.QUORUM, durable=True)


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    async with broker:
        await broker.start()
        await broker.declare_queue(emails)
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/v1/notifications", status_code=202)
async def accept(wanted: Notification) -> dict[str, str]:
    notification_id = str(uuid4())
    for number, to in enumerate(wanted.to, 1):
        delivery_id = f"{notification_id}-{number}"
        await broker.publish(
            {"id": delivery_id, "to": to, "subject": wanted.subject, "text": wanted.text},
            queue=emails,
            message_id=delivery_id,
            persist=True,
            mandatory=True,
            timeout=5,
        )
    return {"id": notification_id, "status": "queued"}
