"""Each container has what its process needs, and nothing that an intruder could use beside."""

import json
from pathlib import Path

import pytest

from tests.containers.engine import docker
from tests.containers.stack import IMAGE, LASTING, OURS, Stack, kept_files, run_compose
from tests.support.deployments import compose
from tests.support.polling import until

STATE = {
    "broker": ["/var/lib/rabbitmq"],
    "api": ["/var/lib/message-gateway"],
    "journal": ["/var/lib/message-gateway"],
}
"""The volumes, in which more than temporary files are written."""
_NO_FILES = ("/proc", "/sys", "/dev")


@pytest.mark.parametrize("service", LASTING)
def test_root_is_read_only(stack: Stack, service: str) -> None:
    for place in ("/", "/etc", "/opt", "/usr/bin", "/var/tmp", "/run"):
        said = stack.run(service, "touch", f"{place.rstrip('/')}/intruder")
        assert said.returncode != 0, f"{place} can be written"
        assert "Read-only" in said.stderr or "Permission denied" in said.stderr
    assert stack.run(service, "touch", "/tmp/allowed").returncode == 0


@pytest.mark.parametrize("service", LASTING)
def test_nothing_else_can_be_written_but_its_state(stack: Stack, service: str) -> None:
    pid = stack.inspect(service)["State"]["Pid"]
    mounts = [line.split() for line in Path(f"/proc/{pid}/mounts").read_text().splitlines()]
    writable = {place for _, place, _, options, *_ in mounts if "rw" in options.split(",")}
    of_files = {place for place in writable if not place.startswith(_NO_FILES)}
    assert of_files == {"/tmp", *STATE.get(service, [])}


@pytest.mark.parametrize("service", LASTING)
def test_processes_have_no_capability_and_can_gain_none(stack: Stack, service: str) -> None:
    for pid in docker("top", stack.containers(service)[0], "-o", "pid").split()[1:]:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
        assert {int(status[name], 16) for name in ("CapPrm", "CapEff", "CapBnd")} == {0}
        assert status["NoNewPrivs"] == "1"
        assert status["Seccomp"] == "2"
        assert "0" not in status["Uid"].split()


@pytest.mark.parametrize("service", OURS)
def test_container_sees_its_own_secrets_alone(stack: Stack, service: str) -> None:
    seen = set(stack.run(service, "ls", "/run/secrets").stdout.split())
    assert seen == set(compose()["services"][service]["secrets"])


def test_secrets_are_in_nothing_that_the_engine_tells(stack: Stack) -> None:
    stack.accepted("email:secret@example.com", "telegram:43", "vk:124")
    until(lambda: stack.inbox(channel="vk", recipient="124"))
    containers = docker("ps", "--all", "--quiet").split()
    told = {
        "docker inspect": docker("inspect", *containers),
        "the image": docker("inspect", IMAGE) + docker("history", "--no-trunc", IMAGE),
        "the logs": run_compose("logs", "--no-color"),
        "docker compose config": run_compose("config"),
    }
    for service in LASTING:
        pid = stack.inspect(service)["State"]["Pid"]
        told[f"the environment of {service}"] = Path(f"/proc/{pid}/environ").read_text()
    words = secret_words()
    assert len(words) >= 7
    for name, text in told.items():
        assert not [word for word in words if word in text], f"a secret is in {name}"


def secret_words() -> set[str]:
    """What is secret in the files: user and password of a URL, keys and tokens as they are."""
    words = set()
    for file in kept_files():
        text = file.read_text().strip()
        if file.name == "definitions.json":
            words |= {user["password_hash"] for user in json.loads(text)["users"]}
        elif "://" in text:
            words.add(text.rpartition("@")[0].partition("//")[2])
        else:
            words.add(text)
    return words
