"""Celery as it loses nothing: quorum queues, confirmed publishes, late acks."""

import os

from celery import Celery
from kombu import Queue

QUORUM = {"x-queue-type": "quorum"}

app = Celery("peer", broker=os.environ["PEER_AMQP_URL"])
app.conf.update(
    broker_transport_options={"confirm_publish": True},
    task_queues=[Queue("email", durable=True, queue_arguments=QUORUM)],
    task_default_queue="email",
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    task_ignore_result=True,
    task_serializer="json",
    worker_detect_quorum_queues=True,
    worker_prefetch_multiplier=8,
)
