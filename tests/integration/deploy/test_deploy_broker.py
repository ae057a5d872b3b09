"""The broker of the compose file, as far as it goes without an engine: a real node boots it."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from broker_topology.check import check
from deploy.local.node import Node
from deploy.local.server import find_scripts
from tests.support.deployments import DEPLOY, ROOT, compose


def make_secrets(directory: Path) -> Path:
    """Run the first commands of docs/deployment.md in a checkout that holds nothing else."""
    text = (ROOT / "docs" / "deployment.md").read_text()
    commands = re.findall(r"```sh\n(.*?)```", text, re.S)[0]
    (directory / "deploy" / "secrets").mkdir(parents=True)
    shutil.copy(DEPLOY / "settings.env.example", directory / "deploy")
    wrapper = directory / "gateway"
    wrapper.write_text(f'#!/bin/sh\nexec "{ROOT}/.venv/bin/python" -P -m admin "$@"\n')
    wrapper.chmod(0o755)
    subprocess.run(["sh", "-eu", "-c", commands], cwd=directory, timeout=60, check=True)
    return directory / "deploy" / "secrets"


@pytest.mark.skipif(find_scripts() is None, reason="needs rabbitmq-server on this machine")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl")
def test_broker_boots_with_the_secrets_that_the_document_makes(tmp_path: Path) -> None:
    secrets = make_secrets(tmp_path / "checkout")
    named = {one["file"].removeprefix("secrets/") for one in compose()["secrets"].values()}
    assert {file.name for file in secrets.iterdir()} == named
    assert all(os.stat(file).st_mode & 0o004 for file in secrets.iterdir())
    url = urlsplit((secrets / "amqp_url_topology").read_text())
    assert (url.hostname, url.port) == ("broker", 5672)
    assert url.username
    assert url.password

    node = Node.create(tmp_path / "node", user=url.username, password=url.password)
    (node.directory / "conf.d").mkdir()
    config = (DEPLOY / "rabbitmq.conf").read_text()
    assert "/run/secrets/definitions.json" in config
    config = config.replace("/run/secrets", str(secrets))
    (node.directory / "conf.d" / "20-gateway.conf").write_text(config)

    with node:
        assert check(node.amqp_url(url.path[1:]), node.management_url).same
