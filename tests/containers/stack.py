"""The shipped compose file, followed as docs/deployment.md says, with stand-in providers."""

import json
import re
import shlex
import subprocess
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx
import trustme
import yaml

from common.channels import Channel
from deploy.local.stack import SANDBOX_SECRET
from tests.containers.engine import docker
from tests.containers.pip_settings import build_secrets
from tests.containers.places import OVERRIDE, PRIVATE, ROOT
from tests.support.clients.load import Load
from tests.support.deployments import DEPLOY, compose
from tests.support.polling import until
from tests.support.processes.running import Client, answers

FILE = "deploy/compose.yaml"
SENDERS = [f"sender-{channel}" for channel in Channel]
OURS = ["api", "console", "journal", *SENDERS]
LASTING = ["broker", *OURS]
"""All services that run on; `topology` ends."""
IMAGE = compose()["x-process"]["image"]
REFUSALS = {
    "broker_unreachable",
    "broker_unconfirmed",
    "broker_refused",
    "ConnectError",
    "ReadError",
    "RemoteProtocolError",
}
"""How a POST may fail while a container is away; what is refused is the client's again."""
PROVIDERS = "providers"  # host name of the stand-ins, on the network `outbound`
_LENT = ("aiosmtpd", "public", "attr", "attrs")  # their mail server, which the image is without
_ANSWERS = "import socket; socket.create_connection(('127.0.0.1', 8025), 2)"
_SECRETS = {
    "email_url": f"smtp://mailer:sandbox@{PROVIDERS}:1025",
    "telegram_token": "1000000001:sandbox-token-of-telegram",
    "vk_token": "sandbox-token-of-vk",
    "callback_secret": SANDBOX_SECRET,
}
_SETTINGS = f"""
GATEWAY_EMAIL_CA_FILE=/run/ca.pem
GATEWAY_TELEGRAM_API_URL=http://{PROVIDERS}:8025
GATEWAY_VK_API_URL=http://{PROVIDERS}:8025
GATEWAY_CALLBACK_ALLOW_NETWORKS=172.16.0.0/12,192.168.0.0/16,10.0.0.0/8
GATEWAY_RETRY_DELAYS=1s,1s,2s,5s,5s,5s
"""


class Stack(Client):
    """The running containers, used through their published ports."""

    def __init__(self) -> None:
        super().__init__(
            httpx.Client(
                base_url="http://127.0.0.1:8080",
                headers={"Authorization": f"Bearer {secret('api_key')}"},
                timeout=15,
                trust_env=False,
            ),
            httpx.Client(base_url="http://127.0.0.1:8025", timeout=30, trust_env=False),
            f"http://{PROVIDERS}:8025",
        )
        self.console = httpx.Client(
            base_url="http://127.0.0.1:8090",
            headers={"Authorization": f"Bearer {secret('console_key')}"},
            timeout=60,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connections of these clients."""
        self.api.close()
        self.console.close()
        self.sandbox.close()

    def containers(self, service: str) -> list[str]:
        """The ids of a service's containers, those that have ended too."""
        return run_compose("ps", "--all", "--quiet", service).split()

    def inspect(self, service: str) -> dict[str, Any]:
        """What the engine tells of a service's only container."""
        [container] = self.containers(service)
        told: list[dict[str, Any]] = json.loads(docker("inspect", container))
        return told[0]

    def run(self, service: str, *command: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a service's container."""
        words = ["docker", "exec", self.containers(service)[0], *command]
        return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)

    def is_healthy(self, service: str) -> bool:
        """Whether all containers of a service are."""
        told = json.loads(docker("inspect", *self.containers(service)))
        return all(one["State"].get("Health", {}).get("Status") == "healthy" for one in told)

    def await_arrival(self, load: Load, timeout_s: float = 120) -> None:
        """Wait until everything that was accepted is with its provider."""
        try:
            until(lambda: not load.missing(), timeout_s)
        except AssertionError as failure:
            list_queues = ("rabbitmqctl", "--quiet", "--vhost", "gateway", "list_queues")
            failure.add_note(f"missing: {sorted(load.missing())[:20]}")
            failure.add_note(self.run("broker", *list_queues).stdout)
            failure.add_note(self.console.get("/v1/dead-letters").text[:2000])
            raise

    def await_health(self) -> None:
        """Wait until every service that runs on is healthy, and the API takes notifications."""
        until(lambda: all(self.is_healthy(service) for service in LASTING), 180)
        until(lambda: answers(self.api, "/readyz"))
        until(lambda: answers(self.console, "/readyz"))


def start_stack() -> Stack:
    """Do what the document says; what it leaves to its reader goes to the stand-ins."""
    secrets, start, _ = document_commands()
    shell(secrets)
    for name, value in _SECRETS.items():
        (DEPLOY / "secrets" / name).write_text(value)
    with (DEPLOY / "settings.env").open("a") as settings:
        settings.write(_SETTINGS)
    _make_certificate()
    OVERRIDE.write_text(yaml.safe_dump(_override()))
    try:
        shell(start)
    except AssertionError as failure:
        failure.add_note(run_compose("logs", "--tail", "10"))
        raise
    return Stack()


def document_commands() -> list[str]:
    """The document's commands for Compose: make the secrets, start, and put in a new version."""
    text = (ROOT / "docs" / "deployment.md").read_text()
    section = text.split("\n## Docker Compose", 1)[1].split("\n## ", 1)[0]
    return [str(block) for block in re.findall(r"```sh\n(.*?)```", section, re.DOTALL)]


def shell(commands: str) -> None:
    """Run lines as a reader who copies them does, up to the first that fails."""
    with_stand_ins = commands.replace(f"-f {FILE}", f"-f {FILE} -f {OVERRIDE}")
    done = subprocess.run(
        ["sh", "-eu", "-c", with_stand_ins], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{commands}\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"


def run_compose(*words: str, timeout_s: float = 300) -> str:
    """What `docker compose` prints for the shipped file."""
    return docker("compose", "-f", str(ROOT / FILE), "-f", str(OVERRIDE), *words,
                  timeout_s=timeout_s)  # fmt: skip


def secret(name: str) -> str:
    """What a file of deploy/secrets holds."""
    return (DEPLOY / "secrets" / name).read_text().strip()


def _override() -> dict[str, Any]:
    secrets = build_secrets()
    built = {"build": {"secrets": list(secrets), "args": ["HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"]}}
    providers = {
        "image": IMAGE,
        "entrypoint": shlex.split(
            "python -m deploy.sandbox --host 0.0.0.0 --smtp-port 1025 --http-port 8025"
            " --certificate /run/providers.pem"
        ),
        "volumes": [
            f"{PRIVATE}/providers.pem:/run/providers.pem:ro",
            *(f"{_place_of(package)}:/run/lent/{package}:ro" for package in _LENT),
        ],
        "environment": {"PYTHONPATH": "/run/lent"},
        "networks": ["outbound"],
        "ports": ["127.0.0.1:8025:8025"],
        "healthcheck": {
            "test": ["CMD", "python", "-c", _ANSWERS],
            "interval": "2s",
        },
    }
    services = {
        "topology": built,
        "sender-email": {"volumes": [f"{PRIVATE}/ca.pem:/run/ca.pem:ro"]},
        PROVIDERS: providers,
    }
    return {
        "services": services,
        "secrets": {name: {"file": str(file)} for name, file in secrets.items()},
    }


def _place_of(package: str) -> str:
    found = find_spec(package)
    assert found is not None
    assert found.submodule_search_locations is not None
    [place] = found.submodule_search_locations
    return place


def _make_certificate() -> None:
    """For the stand-in mail server: to another host the email sender speaks TLS or nothing."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(PRIVATE / "ca.pem")
    certificate = authority.issue_cert(PROVIDERS)
    certificate.private_key_and_cert_chain_pem.write_to_path(PRIVATE / "providers.pem")
    for file in ("ca.pem", "providers.pem"):
        (PRIVATE / file).chmod(0o644)


def kept_files() -> list[Path]:
    """The secrets as the document made them."""
    return [file for file in (DEPLOY / "secrets").iterdir() if file.name != "README.md"]
