"""Starts the tests of the container files on a machine of their own, and ends it whole.

The machine is a set of namespaces: mounts, network, processes. Whatever the engine makes in them,
bridges, firewall rules, mounts, containers, is gone with their first process, however that ends;
an engine that runs here already is neither seen nor touched.
"""

import contextlib
import fcntl
import os
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from tests.containers.places import CGROUP, KEPT, ROOT, RUN

TOOLS = {
    "dockerd": "docker.io",
    "docker": "docker-cli",
    "slirp4netns": "slirp4netns",
    "iptables": "iptables",
    "ip": "iproute2",
    "unshare": "util-linux",
    "setpriv": "util-linux",
    "openssl": "openssl",
    "curl": "curl",
}
"""Program → the package of Debian's that has it."""
_LIKE_US = ("setpriv", "--pdeathsig", "KILL")  # whoever starts these takes them along
_MACHINE = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")


def main(words: list[str]) -> int:
    """Run the tests; pytest's exit code, or 2 when this machine cannot run them."""
    os.environ["PATH"] += os.pathsep + "/usr/sbin:/sbin"
    if refusal := _refusal():
        print(f"gateway: {refusal}", file=sys.stderr)
        return 2
    KEPT.mkdir(parents=True, exist_ok=True)
    with _alone():
        print(
            "Starting the container files in an engine of their own takes about 10 min; making the "
            "base images, where none can be pulled, 2 min more the first time.",
            file=sys.stderr,
        )
        signal.signal(signal.SIGTERM, _stop)
        signal.signal(signal.SIGINT, _stop)
        _remove_leftovers()
        try:
            return _run(words)
        finally:
            _remove_leftovers()


def _refusal() -> str:
    """Why the tests cannot run here, in words; empty when they can."""
    if not sys.platform.startswith("linux"):
        return "`test --containers` needs Linux: its engine runs in namespaces of the kernel's."
    if os.geteuid() != 0:
        return "`test --containers` starts a container engine, which only root may: use sudo."
    missing = {package for program, package in TOOLS.items() if not shutil.which(program)}
    if missing:
        return f"`test --containers` lacks programs: install {' '.join(sorted(missing))}."
    if not Path("/dev/net/tun").exists():
        return "`test --containers` needs /dev/net/tun: load the kernel's module `tun`."
    return ""


@contextlib.contextmanager
def _alone() -> Iterator[None]:
    with (KEPT / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            sys.exit("gateway: `test --containers` runs here already: wait for its end.")
        yield


def _stop(number: int, _: FrameType | None) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(128 + number)


def _run(words: list[str]) -> int:
    RUN.mkdir()
    inside = [sys.executable, "-m", "tests.containers.machine", *words]
    with subprocess.Popen([*_LIKE_US, *_MACHINE, *inside], cwd=ROOT) as machine:
        try:
            with _network(_first_process(machine)):
                return machine.wait()
        finally:
            _end(machine)


@contextlib.contextmanager
def _network(first_process: int) -> Iterator[None]:
    """Lead the machine's network out through a process of ours, as a router with NAT does.

    It takes no rule of a firewall here, and the loopback addresses of this machine stay its own.
    """
    target = f"/proc/{first_process}/ns/net"
    options = ["--configure", "--mtu=65520", "--disable-host-loopback", "--netns-type=path"]
    with (RUN / "network.log").open("wb") as log:
        router = subprocess.Popen(
            [*_LIKE_US, "slirp4netns", *options, target, "tap0"], stdout=log, stderr=log
        )
    try:
        yield
    finally:
        router.kill()
        router.wait()


def _first_process(machine: subprocess.Popen[bytes]) -> int:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and machine.poll() is None:
        if found := _children(machine):
            return found[0]
        time.sleep(0.02)
    sys.exit("gateway: no namespaces can be made here: in a container, give it more rights.")


def _children(process: subprocess.Popen[bytes]) -> list[int]:
    with contextlib.suppress(OSError):  # it has ended
        told = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
        return [int(pid) for pid in told.split()]
    return []


def _end(machine: subprocess.Popen[bytes]) -> None:
    """Kill it, and await the end of its first process: that is also the end of all others on it."""
    first = _children(machine)
    machine.kill()
    for pid in first:
        with contextlib.suppress(ProcessLookupError):  # it has ended, and was reaped
            handle = os.pidfd_open(pid)
            select.select([handle], [], [], 20)
            os.close(handle)


def _remove_leftovers() -> None:
    """What namespaces do not take along: files, and the empty control groups of containers."""
    deadline = time.monotonic() + 20
    while groups := list(_control_groups()):
        for group in groups:
            with contextlib.suppress(OSError):  # its last process is just ending
                group.rmdir()
        if time.monotonic() > deadline:
            sys.exit(f"gateway: {groups[-1]} still holds processes of an earlier run: end them.")
        time.sleep(0.05)
    shutil.rmtree(RUN, ignore_errors=True)


def _control_groups() -> Iterator[Path]:
    """Ours, the deepest first: in one hierarchy, or in each of the older kind."""
    for top in [*Path("/sys/fs/cgroup").glob(CGROUP), *Path("/sys/fs/cgroup").glob(f"*/{CGROUP}")]:
        yield from (Path(place) for place, _, _ in os.walk(top, topdown=False))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
