"""What a user's program does with the client that openapi-python-client has made: send, and read.

Started with the address of the API and a key; the client stands beside it as `made`.
"""

import json
import sys
import time

from made import AuthenticatedClient  # type: ignore[import-not-found]
from made.api.notifications import send_notification  # type: ignore[import-not-found]
from made.api.updates import list_notifications, show_notification  # type: ignore[import-not-found]
from made.models import NotificationRequest  # type: ignore[import-not-found]


def main(url: str, key: str) -> None:
    """Print what came of it as JSON."""
    client = AuthenticatedClient(base_url=url, token=key, raise_on_unexpected_status=True)
    wanted = NotificationRequest(to=["telegram:42", "vk:123"], text="world", tags=["made"])
    accepted = send_notification.sync(client=client, body=wanted, idempotency_key="one")
    again = send_notification.sync(client=client, body=wanted, idempotency_key="one")
    until = time.monotonic() + 60
    status = show_notification.sync(accepted.id, client=client, wait=1)
    while len(status.deliveries) < 2 and time.monotonic() < until:
        status = show_notification.sync(accepted.id, client=client, wait=1, after=status.seq)
    page = list_notifications.sync(client=client, tag="made")
    wrong = NotificationRequest(to="nobody", text="world")
    refused = send_notification.sync(client=client, body=wrong)
    document = {
        "accepted": [str(accepted.id), [one.to for one in accepted.deliveries]],
        "again": str(again.id),
        "status": [str(status.id), status.status, [one.to for one in status.deliveries]],
        "page": [str(one.id) for one in page.items],
        "refused": [refused.code, refused.errors[0].path],
    }
    print(json.dumps(document))


if __name__ == "__main__":
    main(*sys.argv[1:])
