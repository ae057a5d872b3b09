"""The DMZ: who reaches whom, from every container, from this machine and from outside it."""

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.containers.machine import INTERNET, MACHINE_IN_THE_INTERNET
from tests.containers.stack import LASTING, PROVIDERS, SENDERS, Stack, secret
from tests.support.polling import until

PORT = 8000  # of the host in the internet
WATCHED = ["journal", *SENDERS]
TARGETS = {
    "the broker": ("broker", 5672),
    "the management UI": ("broker", 15672),
    "the API": ("api", 8080),
    "the console": ("console", 8090),
    "a provider": (PROVIDERS, 1025),
    "the internet": (INTERNET, PORT),
    **{f"the metrics of {name}": (name, 9464) for name in WATCHED},
}
_INNER = {"the broker", "the management UI", "the API", "the console"}
_METRICS = {f"the metrics of {name}" for name in WATCHED}
REACHES = {
    "api": _INNER | _METRICS,
    "console": _INNER | _METRICS,
    "journal": _INNER | _METRICS,
    **{sender: _INNER | _METRICS | {"a provider", "the internet"} for sender in SENDERS},
    "broker": _INNER | _METRICS,
}
"""Everybody meets on `inner`; only senders have a way out."""
_CONNECT = "import socket,sys;socket.create_connection((sys.argv[1],int(sys.argv[2])),3).close()"


@pytest.fixture(scope="module")
def internet() -> Iterator[None]:
    """A host outside that answers."""
    command = ["ip", "netns", "exec", "internet", "python3", "-m", "http.server", str(PORT)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as server:
        until(lambda: connects(INTERNET, PORT))
        yield
        server.kill()


def connects(host: str, port: int) -> bool:
    """Whether this machine reaches it."""
    with contextlib.suppress(OSError), socket.create_connection((host, port), 3):
        return True
    return False


@pytest.mark.parametrize("service", LASTING)
def test_container_reaches_what_it_needs_and_nothing_else(
    stack: Stack, internet: None, service: str
) -> None:
    pid = str(stack.inspect(service)["State"]["Pid"])
    # From the container's network, with this machine's programs.
    probe = ["nsenter", "--target", pid, "--net", "python3", "-c", _CONNECT]
    reached = set()
    for target, (host, port) in TARGETS.items():
        address = host if host == INTERNET else address_within(stack, service, host)
        if address and is_success([*probe, address, str(port)]):
            reached.add(target)
    assert reached == REACHES[service]


def address_within(stack: Stack, service: str, name: str) -> str | None:
    """What a name means to a container: nothing when they share no network."""
    found = stack.run(service, "getent", "ahostsv4", name)
    return found.stdout.split()[0] if found.returncode == 0 else None


def is_success(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


def connects_from_outside(port: int) -> bool:
    """Whether the host in the internet reaches this machine's port."""
    command = ["ip", "netns", "exec", "internet", "python3", "-c", _CONNECT]
    return is_success([*command, MACHINE_IN_THE_INTERNET, str(port)])


@pytest.mark.parametrize(
    ("port", "here", "outside"),
    [
        (8080, True, True),
        (8090, True, False),
        (15672, True, False),
        (5672, False, False),
        (9464, False, False),
    ],
    ids=["API", "console", "management UI", "broker", "metrics"],
)
def test_published_are_the_api_to_all_and_what_operators_see_to_this_machine(
    stack: Stack, internet: None, port: int, here: bool, outside: bool
) -> None:
    assert connects("127.0.0.1", port) == here
    assert connects_from_outside(port) == outside


def test_management_ui_asks_for_the_password_of_the_document(stack: Stack) -> None:
    url = urlsplit(secret("amqp_url_topology"))
    whoami = "http://127.0.0.1:15672/api/whoami"
    assert httpx.get(whoami, trust_env=False).status_code == 401
    answer = httpx.get(whoami, auth=(str(url.username), str(url.password)), trust_env=False)
    assert answer.json()["name"] == "gateway"
