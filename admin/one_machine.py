"""What `gateway demo` and `gateway up` share: one at a time, ports, waiting for an answer."""

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from common.errors import GatewayError
from deploy.local.node import BrokerError, Node, free_port
from deploy.local.stack import Stack

INBOX_PORT, MANAGEMENT_PORT = 8025, 15673
READY_TIMEOUT_S = 30.0


class OneMachineError(GatewayError):
    """The gateway cannot run here."""


@contextmanager
def alone(lock_file: Path, what: str) -> Iterator[None]:
    """Hold a lock file that only one process can hold; `what` is it that only one may run."""
    try:
        lock_file.parent.mkdir(parents=True, exist_ok=True)
        lock = lock_file.open("w")
    except OSError as error:
        raise OneMachineError(
            f"{lock_file} cannot be written ({error.strerror}): make its directory writable"
        ) from error
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise OneMachineError(f"{what} is running already; stop that one first") from None
        yield


def port_or_free(wanted: int) -> int:
    """The port that people know, or a free one where it is taken."""
    return free_port() if _is_taken(wanted) else wanted


def _is_taken(port: int) -> bool:
    """Whether a program listens there; connections that are over, but linger on, do not count."""
    address = ("127.0.0.1", port)
    with contextlib.suppress(OSError), socket.create_connection(address, timeout=1):
        return True  # not every system refuses the bind below while another has all addresses
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError:
            return True
    return False


def start_node(create: Callable[[int], Node], wanted_port: int) -> Node:
    """A node that runs, its management page on the port that people know, or on a free one.

    create: makes the node for a management port. One that loses that port to another program
    while it starts is started once more. Raises BrokerError.
    """
    port = port_or_free(wanted_port)
    node = create(port)
    try:
        node.start()
    except BrokerError:
        if not _is_taken(port):
            raise
        node = create(free_port())
        node.start()
    return node


def expect_mendable(stack: Stack) -> None:
    """Raise OneMachineError with the last word of a process that no restart can mend."""
    for service in stack.services:
        if service.is_misconfigured:
            log_file = stack.log_file(service.name)
            said = last_word(log_file) or f"its log: {log_file}"
            raise OneMachineError(f"{service.name} cannot run with these settings: {said}")


def await_answer(address: str, name: str, stack: Stack) -> None:
    """Wait until a service answers 200 at an address. Raises OneMachineError with its last word."""
    deadline = time.monotonic() + READY_TIMEOUT_S
    while time.monotonic() < deadline:
        expect_mendable(stack)
        try:
            if httpx.get(address, timeout=2, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    log_file = stack.log_file(name)
    said = last_word(log_file)
    raise OneMachineError(
        f"{name} did not come up within {READY_TIMEOUT_S:.0f} s"
        + (f" ({said})" if said else "")
        + f"; its log: {log_file}"
    )


def last_word(log_file: Path) -> str:
    """The sentence with which a process of ours ended, from the end of its log; "" if none."""
    try:
        with log_file.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 4096))
            lines = log.read().decode(errors="replace").splitlines()
    except OSError:
        return ""
    last = next((line for line in reversed(lines) if line.strip()), "")
    return last.removeprefix("gateway: ") if last.startswith("gateway: ") else ""
