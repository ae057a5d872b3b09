"""`docker compose down -v` ends it all: nothing is left that it made."""

import subprocess

from tests.containers.engine import docker
from tests.containers.stack import Stack, run_compose


def test_nothing_is_left(stack: Stack) -> None:
    run_compose("down", "--volumes")
    assert docker("ps", "--all", "--quiet") == ""
    assert docker("volume", "ls", "--quiet") == ""
    networks = docker("network", "ls", "--format", "{{.Name}}").split()
    assert sorted(networks) == ["bridge", "host", "none"]
    bridges = output("ip", "-brief", "link", "show", "type", "bridge").splitlines()
    assert [bridge.split()[0] for bridge in bridges] == ["docker0"]
    assert "8080" not in output("iptables-save")


def output(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
