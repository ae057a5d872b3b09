"""A Celery worker that sends emails with smtplib, publishes an event, and acks after it.

PEER_SMTP_PORT: where mail goes; without it nothing is sent.
"""

import os
import smtplib
from typing import Any

from celery.signals import worker_process_init
from celery_app import QUORUM, app
from kombu import Connection, Queue
from mail import write_email

PORT = os.environ.get("PEER_SMTP_PORT")
events = Queue("events", durable=True, queue_arguments=QUORUM)
smtp: smtplib.SMTP | None = None
producer: Any = None


@worker_process_init.connect
def open_producer(**_: Any) -> None:
    global producer
    options = {"confirm_publish": True}
    connection = Connection(os.environ["PEER_AMQP_URL"], transport_options=options)
    producer = connection.Producer()
    events(connection.channel()).declare()


@app.task(name="send_email", autoretry_for=(OSError,), retry_backoff=True, max_retries=8)
def send_email(delivery_id: str, to: str, subject: str, text: str) -> None:
    if PORT:
        send(delivery_id, to, subject, text)
    event = {"type": "sent", "delivery_id": delivery_id}
    producer.publish(event, routing_key="events", delivery_mode=2, mandatory=True)


def send(delivery_id: str, to: str, subject: str, text: str) -> None:
    """Over a connection that the process keeps."""
    global smtp
    message = write_email(delivery_id, to, subject, text)
    try:
        smtp = smtp or smtplib.SMTP("127.0.0.1", int(PORT or 0), timeout=30)
        smtp.send_message(message)
    except smtplib.SMTPServerDisconnected:
        smtp = None
        raise
