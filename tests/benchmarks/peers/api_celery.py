"""FastAPI that sends tasks with Celery, in FastAPI's threads: send_task waits for the broker."""

from uuid import uuid4

from celery_app import app as celery
from fastapi import FastAPI
from wanted import Notification

app = FastAPI()


@app.post("/v1/notifications", status_code=202)
def accept(wanted: Notification) -> dict[str, str]:
    notification_id = str(uuid4())
    for number, to in enumerate(wanted.to, 1):
        delivery_id = f"{notification_id}-{number}"
        celery.send_task(
            "send_email",
            args=[delivery_id, to, wanted.subject, wanted.text],
            task_id=delivery_id,
            queue="email",
            mandatory=True,
        )
    return {"id": notification_id, "status": "queued"}
