"""A Docker engine of the tests' own, and its Compose plug-in."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.containers.debian import fetch_package
from tests.containers.places import CGROUP, KEPT, PRIVATE, RUN
from tests.support.polling import until

LEAST_COMPOSE = (2, 24)


@contextmanager
def running_engine() -> Iterator[None]:
    """Run dockerd; its containers end with this machine."""
    config = PRIVATE / "daemon.json"
    config.write_text("{}")
    command = [
        "dockerd", "--config-file", str(config), "--host", os.environ["DOCKER_HOST"],
        "--data-root", str(RUN / "engine"), "--exec-root", str(PRIVATE / "docker"),
        "--pidfile", str(PRIVATE / "docker.pid"), "--cgroup-parent", f"/{CGROUP}",
        "--exec-opt", "native.cgroupdriver=cgroupfs",
    ]  # fmt: skip
    with (PRIVATE / "dockerd.log").open("wb") as log:
        engine = subprocess.Popen(command, stdout=log, stderr=log)
    until(lambda: engine.poll() is not None or _answers(), 60)
    said = (PRIVATE / "dockerd.log").read_text()
    assert engine.poll() is None, f"dockerd ended:\n{said[-2000:]}"
    try:
        yield
    finally:
        engine.kill()
        engine.wait()


def _answers() -> bool:
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def docker(*words: str, timeout_s: float = 120) -> str:
    """What a docker command prints; fails with what it said."""
    done = subprocess.run(
        ["docker", *words], capture_output=True, text=True, timeout=timeout_s, check=False
    )
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stderr or done.stdout}"
    return done.stdout


def provide_compose() -> None:
    """Use the plug-in that is installed; where it is missing or too old, the one of Debian 13."""
    if _compose_version() >= LEAST_COMPOSE:
        return
    plugin = KEPT / "docker-compose"
    if not plugin.exists():
        unpacked = RUN / "compose"
        fetch_package("docker-compose", "trixie", unpacked)
        [program] = unpacked.rglob("cli-plugins/docker-compose")
        shutil.copy2(program, plugin)
    place = Path(os.environ["DOCKER_CONFIG"]) / "cli-plugins"
    place.mkdir(parents=True, exist_ok=True)
    shutil.copy2(plugin, place)
    assert _compose_version() >= LEAST_COMPOSE


def _compose_version() -> tuple[int, ...]:
    done = subprocess.run(
        ["docker", "compose", "version", "--short"], capture_output=True, text=True, check=False
    )
    found = re.match(r"v?(\d+)\.(\d+)", done.stdout)
    return (int(found[1]), int(found[2])) if done.returncode == 0 and found else (0, 0)
