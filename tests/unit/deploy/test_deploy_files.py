"""What Dockerfile, compose, Kubernetes and units name exists, and they agree with each other."""

import re
import shlex
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from common.channels import Channel
from common.settings import Settings, load_settings, unknown_settings
from deploy import healthcheck
from tests.support.deployments import (
    DEPLOY,
    KUBERNETES,
    NOT_OURS,
    ROOT,
    SYSTEMD,
    compose,
    dockerfile,
    exec_form,
    image_environment,
    kustomization,
    last,
    manifests,
    parse_command,
    pods,
    processes,
    unit,
)

DOCUMENT = ROOT / "docs" / "deployment.md"
HOME = "/opt/message-gateway"


def test_example_settings_are_settings() -> None:
    for file in (DEPLOY / "settings.env.example", KUBERNETES / "settings.env"):
        lines = re.findall(r"^#?(GATEWAY_\w+)=(.*)$", file.read_text(), re.M)
        assert lines
        assert unknown_settings(dict(lines)) == []
        load_settings(dict(lines))


def test_ports_agree() -> None:
    api: int = Settings.model_fields["api_port"].default
    console: int = Settings.model_fields["console_port"].default
    metrics = int(image_environment()["GATEWAY_METRICS_PORT"])
    assert last("EXPOSE").split() == [str(api), str(console), str(metrics)]
    assert dict(healthcheck.PORTS) == {
        "GATEWAY_API_PORT": api,
        "GATEWAY_CONSOLE_PORT": console,
        "GATEWAY_METRICS_PORT": metrics,
    }
    assert compose()["services"]["api"]["ports"] == [f"{api}:{api}"]
    assert compose()["services"]["console"]["ports"] == [f"127.0.0.1:{console}:{console}"]
    for name, pod in pods().items():
        ports = [one["containerPort"] for one in pod["spec"]["containers"][0].get("ports", [])]
        own = {
            "gateway-api": [api],
            "gateway-console": [console],
            "gateway-topology": [],
            "gateway-schema": [],
        }
        assert ports == own.get(name, [metrics])


def test_senders_on_one_machine_have_ports_of_their_own() -> None:
    ports = [
        one.environment["GATEWAY_METRICS_PORT"]
        for one in processes()
        if one.file == "systemd" and one.name.startswith("sender")
    ]
    assert len(set(ports)) == len(Channel)


def test_image_names_agree() -> None:
    tag = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    built = {one["image"] for name, one in compose()["services"].items() if name not in NOT_OURS}
    assert built == {f"message-gateway:{tag}"}
    images = {pod["spec"]["containers"][0]["image"] for pod in pods().values()}
    (change,) = kustomization()["images"]
    assert images == {change["name"]} == {"message-gateway"}
    assert change["newTag"] == tag
    assert f"-t {change['newName']}:{tag} " in DOCUMENT.read_text()
    broker = next(one for one in manifests() if one["kind"] == "RabbitmqCluster")
    assert broker["spec"]["image"] == compose()["services"]["broker"]["image"]


def test_what_the_dockerfile_copies_is_there_and_in_the_build_context() -> None:
    ignore = (ROOT / ".dockerignore").read_text().splitlines()
    context = {line.removeprefix("!") for line in ignore if line.startswith("!")}
    sources = [
        Path(source)
        for name, value in dockerfile()
        if name == "COPY" and not value.startswith("--from")
        for source in value.split()[:-1]
    ]
    setuptools = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    packages = {name.removesuffix("*") for name in setuptools["packages"]["find"]["include"]}
    assert packages <= {str(one) for one in sources}
    for source in sources:
        assert (ROOT / source).exists()
        assert {str(source), f"{source}/*.py"} & context, f"{source} is not in the build context"
    assert all(list(ROOT.glob(pattern)) for pattern in context)


def test_image_runs_as_nobody_special_and_starts_the_api() -> None:
    user = last("USER")
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", user)
    for pod in pods().values():
        context = pod["spec"]["securityContext"]
        assert f"{context['runAsUser']}:{context['runAsGroup']}" == user
    assert exec_form(last("ENTRYPOINT")) == ["gateway"]
    parse_command(exec_form(last("CMD")))
    assert last("STOPSIGNAL") == "SIGTERM"
    stages = [value for name, value in dockerfile() if name == "FROM"]
    assert len(stages) == 2
    assert stages[0] == f"{stages[1]} AS build"


def test_files_that_compose_names_are_there() -> None:
    document = compose()
    build = document["services"]["topology"]["build"]
    assert (DEPLOY / build["context"]).resolve() == ROOT
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()
    assert (DEPLOY / document["configs"]["rabbitmq_conf"]["file"]).is_file()
    secrets = {one["file"] for one in document["secrets"].values()}
    rows = re.findall(r"^\| (`.+?) \|", (DEPLOY / "secrets" / "README.md").read_text(), re.M)
    explained = {name for row in rows for name in re.findall(r"`([\w.]+)`", row)}
    assert secrets == {f"secrets/{name}" for name in explained}


def test_units_start_what_the_document_installs() -> None:
    for file in SYSTEMD.glob("*.service"):
        assert dict(unit(file)["Service"])["ExecStart"].startswith(f"{HOME}/bin/gateway ")
    assert last("WORKDIR") == HOME
    installs = DOCUMENT.read_text()
    assert f"python3 -m venv {HOME}\n" in installs
    enabled = re.findall(r"systemctl enable --now (.+)", installs)[0].split()
    assert enabled
    for name in enabled:
        base = re.sub(r"@\w+", "@", name)
        assert (SYSTEMD / (base if "." in base else f"{base}.service")).is_file()


def test_commands_of_the_document_are_those_of_the_command_line() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", DOCUMENT.read_text(), re.S)
    lines = [line for block in blocks for line in block.splitlines()]
    ours = [shlex.split(line)[1:] for line in lines if re.match(r"\S*gateway ", line)]
    assert ours
    for words in ours:
        parse_command(words)
    for path in re.findall(r"\bdeploy/[\w./-]+\w", "\n".join(lines)):
        assert (ROOT / path).exists() or (ROOT / f"{path}.example").exists(), path


@pytest.fixture
def answering() -> Iterator[tuple[int, list[int]]]:
    """An HTTP server: its port, and the status that it answers to `/healthz`."""
    status = [200]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status[0] if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1], status
        server.shutdown()


@pytest.mark.parametrize("variable", sorted(healthcheck.PORTS))
def test_health_check_of_the_image_finds_whichever_process_runs(
    variable: str, answering: tuple[int, list[int]]
) -> None:
    port, status = answering
    command = exec_form(last("HEALTHCHECK"))
    assert command[0] == "python"
    # Nobody listens on port 1 without being root and saying so.
    environment = dict.fromkeys(healthcheck.PORTS, "1") | {variable: str(port)}

    def exit_code() -> int:
        words = [sys.executable, *command[1:]]
        return subprocess.run(words, env=environment, cwd=ROOT, timeout=20, check=False).returncode

    assert exit_code() == 0
    status[0] = 503
    assert exit_code() == 1


def test_dockerfile_health_check_gives_up_before_the_engine_does() -> None:
    timeout_s = int(re.findall(r"--timeout=(\d+)s", last("HEALTHCHECK"))[0])
    assert timeout_s > len(healthcheck.PORTS) * healthcheck.TIMEOUT_S
