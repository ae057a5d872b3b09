"""`python -m deploy.healthcheck`: exit code 0 when the process in this container answers.

One image serves every process, and a container runs one: API and console answer on their ports, a
sender on that of its metrics. Only the standard library, because it runs every few seconds.
"""

import os
import sys
from collections.abc import Iterable
from http.client import HTTPConnection, HTTPException

PORTS = {"GATEWAY_API_PORT": 8080, "GATEWAY_CONSOLE_PORT": 8090, "GATEWAY_METRICS_PORT": 9464}
TIMEOUT_S = 1.5


def is_healthy(ports: Iterable[int]) -> bool:
    """Whether `/healthz` answers 200 on any of these ports of the loopback address."""
    return any(_answers(port) for port in ports)


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", "/healthz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


if __name__ == "__main__":
    given = (int(os.environ.get(name) or default) for name, default in PORTS.items())
    sys.exit(0 if is_healthy(given) else 1)
