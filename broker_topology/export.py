"""The topology as a definitions file, from which a fresh broker boots (`load_definitions`)."""

import base64
import hashlib
import os
from dataclasses import dataclass

from broker_topology.topology import Topology, build


@dataclass(frozen=True)
class Administrator:
    """A user to be created with all rights in the vhost."""

    name: str
    password: str


def definitions(
    vhost: str = "/", administrator: Administrator | None = None, topology: Topology | None = None
) -> dict[str, object]:
    """RabbitMQ's definitions.json: the vhost with its exchanges, queues and bindings.

    A broker that boots from definitions creates no user of its own, not even guest; with
    `administrator` there is that one, its password as a salted hash.
    """
    wanted = topology or build()
    return {
        "vhosts": [{"name": vhost}],
        **(_user(administrator, vhost) if administrator else {}),
        "exchanges": [
            {
                "name": one.name,
                "vhost": vhost,
                "type": one.type,
                "durable": one.durable,
                "auto_delete": one.auto_delete,
                "internal": one.internal,
                "arguments": one.arguments,
            }
            for one in wanted.exchanges
        ],
        "queues": [
            {
                "name": one.name,
                "vhost": vhost,
                "durable": True,
                "auto_delete": False,
                "arguments": dict(one.arguments),
            }
            for one in wanted.queues
        ],
        "bindings": [
            {
                "source": one.exchange,
                "vhost": vhost,
                "destination": one.queue,
                "destination_type": "queue",
                "routing_key": one.key,
                "arguments": {},
            }
            for one in wanted.bindings
        ],
    }


def _user(administrator: Administrator, vhost: str) -> dict[str, object]:
    everything = {"configure": ".*", "write": ".*", "read": ".*"}
    return {
        "users": [
            {
                "name": administrator.name,
                "password_hash": _password_hash(administrator.password, os.urandom(4)),
                "hashing_algorithm": "rabbit_password_hashing_sha256",
                "tags": ["administrator"],
                "limits": {},
            }
        ],
        "permissions": [{"user": administrator.name, "vhost": vhost, **everything}],
    }


def _password_hash(password: str, salt: bytes) -> str:
    """RabbitMQ's form: base64 of a 4-byte salt and SHA-256 over salt and password."""
    digest = hashlib.sha256(salt + password.encode()).digest()
    return base64.b64encode(salt + digest).decode()
