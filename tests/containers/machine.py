"""The first process of the machine that the tests run on: makes it, runs pytest, reaps orphans."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from tests.containers.places import KEPT, PRIVATE, ROOT

FILES = Path(__file__).parent
NAME_SERVER = "10.0.2.3"  # what slirp4netns answers on
INTERNET = "198.51.100.2"  # of RFC 5737: nobody has it
MACHINE_IN_THE_INTERNET = "198.51.100.1"


def main(words: Sequence[str]) -> int:
    """Make the machine and run pytest with these words on it; its exit code."""
    signal.signal(signal.SIGINT, lambda *_: None)  # pytest gets it too, and ends first
    _make_private()
    _await_network()
    _connect_to_the_internet()
    options = ["-o", f"cache_dir={KEPT / 'cache'}", "-o", "timeout=900"]
    command = [sys.executable, "-m", "pytest", *options, "--durations=10", "--durations-min=1"]
    if not any(Path(word.partition("::")[0]).exists() for word in words):
        words = [*words, str(FILES)]
    return _reap_until_end(subprocess.Popen([*command, *words], cwd=ROOT, env=_environment()))


def _make_private() -> None:
    """Let nothing that is written, but the images that are kept, reach the real machine.

    The checkout too is a copy: the commands of the documents write their secrets into it.
    """
    _mount("--make-rprivate", "/")
    _mount("-t", "tmpfs", "tmpfs", str(PRIVATE))
    kept = PRIVATE / "kept"
    kept.mkdir()
    _mount("--bind", str(KEPT), str(kept))
    for place in (Path("/etc"), Path("/opt"), ROOT):
        _copy_on_write(place)
    _mount("--bind", str(kept), str(KEPT))
    os.chdir(ROOT)
    Path("/etc/resolv.conf").unlink(missing_ok=True)
    Path("/etc/resolv.conf").write_text(f"nameserver {NAME_SERVER}\n")
    for file in [ROOT / "deploy" / "settings.env", *(ROOT / "deploy" / "secrets").iterdir()]:
        if file.name != "README.md":
            file.unlink(missing_ok=True)


def _copy_on_write(place: Path) -> None:
    upper, work = (PRIVATE / kind / place.name for kind in ("changed", "work"))
    upper.mkdir(parents=True)
    work.mkdir(parents=True)
    shutil.copystat(place, upper)
    layers = f"lowerdir={place},upperdir={upper},workdir={work}"
    _mount("-t", "overlay", "overlay", "-o", layers, str(place))


def _mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True)


def _await_network() -> None:
    deadline = time.monotonic() + 20
    while "10.0.2." not in _output("ip", "-4", "route", "show", "default"):
        if time.monotonic() > deadline:
            sys.exit("gateway: slirp4netns gave the machine no network: see whether it runs here.")
        time.sleep(0.05)


def _connect_to_the_internet() -> None:
    """Lay a cable to a host that knows this machine's address alone, as hosts out there do."""
    for words in (
        "ip link set lo up",
        "ip netns add internet",
        "ip link add cable type veth peer name cable netns internet",
        f"ip address add {MACHINE_IN_THE_INTERNET}/30 dev cable",
        "ip link set cable up",
        f"ip -n internet address add {INTERNET}/30 dev cable",
        "ip -n internet link set cable up",
        "ip -n internet link set lo up",
    ):
        subprocess.run(words.split(), check=True)


def _environment() -> dict[str, str]:
    """For the tests: this machine's engine, whatever else the user has set up."""
    foreign = ("DOCKER_", "COMPOSE_", "GATEWAY_", "BUILDX_", "BUILDKIT_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    return kept | {
        "DOCKER_HOST": f"unix://{PRIVATE}/docker.sock",
        "DOCKER_CONFIG": str(PRIVATE / "docker-config"),
        "GATEWAY_TEST_CONTAINERS": "yes",
    }


def _output(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


def _reap_until_end(child: subprocess.Popen[bytes]) -> int:
    while True:
        pid, status = os.wait()
        if pid == child.pid:
            return os.waitstatus_to_exitcode(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
