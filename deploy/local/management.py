"""RabbitMQ's management API: a virtual host takes it milliseconds, where rabbitmqctl is slow."""

import base64
import http.client
import json
from contextlib import closing
from typing import Any

from deploy.local.process import BrokerError


class ManagementError(BrokerError):
    """The management API could not be reached, or refused."""


class Management:
    """The management API of one node on 127.0.0.1."""

    def __init__(self, port: int, user: str, password: str) -> None:
        self.port = port
        self._token = base64.b64encode(f"{user}:{password}".encode()).decode()

    def get(self, path: str) -> Any:
        """Return the JSON found at a path; raises ManagementError."""
        return self._call("GET", path)

    def put(self, path: str, body: object) -> None:
        """Create or replace what the path names; raises ManagementError."""
        self._call("PUT", path, body)

    def delete(self, path: str) -> None:
        """Delete what the path names; raises ManagementError."""
        self._call("DELETE", path)

    def has_alarm(self) -> bool:
        """Tell whether a memory or disk alarm blocks publishers on this node."""
        status, _ = self._request("GET", "/api/health/checks/local-alarms", None)
        return status != 200

    def _call(self, method: str, path: str, body: object = None) -> Any:
        status, answer = self._request(method, path, body)
        if status >= 300:
            said = answer.decode(errors="replace")[:200]
            raise ManagementError(f"RabbitMQ's management refused {method} {path}: {status} {said}")
        return json.loads(answer) if answer else None

    def _request(self, method: str, path: str, body: object) -> tuple[int, bytes]:
        headers = {"Authorization": f"Basic {self._token}", "Content-Type": "application/json"}
        try:
            with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=15)) as client:
                client.request(method, path, None if body is None else json.dumps(body), headers)
                answer = client.getresponse()
                return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise ManagementError(
                f"RabbitMQ's management at http://127.0.0.1:{self.port} does not answer: {error}."
            ) from error
