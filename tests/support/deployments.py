"""What the files in deploy/ start, read into one form: for the tests that hold them to the code."""

import json
import re
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import typer.main
import yaml
from dockerfile_parse import DockerfileParser  # type: ignore[import-untyped]
from dotenv import dotenv_values

import admin.cli
from common.channels import Channel

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
KUBERNETES = DEPLOY / "kubernetes"
SYSTEMD = DEPLOY / "systemd"
NOT_OURS = ("broker", "rates")
"""Services of the compose file that others have written."""
PROCESSES = [
    "topology",
    "schema",
    "api",
    "console",
    "journal",
    *(f"sender-{channel}" for channel in Channel),
]


@dataclass(frozen=True)
class Process:
    """One process that a file starts: words after `gateway`, environment, seconds to stop."""

    file: str
    name: str
    words: list[str]
    environment: Mapping[str, str]
    stop_s: float
    secrets: set[str] = field(default_factory=set)  # paths that are there when it runs


def manifests(*, applied: bool = True) -> list[dict[str, Any]]:
    """The Kubernetes objects that are applied, or the example secrets; the caller's own."""
    return deepcopy(_read(applied))


@cache  # reading them takes longer than any test of them
def _read(applied: bool) -> list[dict[str, Any]]:
    files = kustomization()["resources"] if applied else ["secrets.example.yaml"]
    texts = [(KUBERNETES / file).read_text() for file in files]
    return [document for text in texts for document in yaml.safe_load_all(text)]


def of_kind(kind: str) -> list[dict[str, Any]]:
    """The Kubernetes objects of a kind."""
    return [manifest for manifest in manifests() if manifest["kind"] == kind]


def pods() -> dict[str, dict[str, Any]]:
    """Pod templates of our own processes by the name of what makes them."""
    makers = of_kind("Deployment") + of_kind("Job")
    return {maker["metadata"]["name"]: maker["spec"]["template"] for maker in makers}


def kustomization() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())
    return document


def compose() -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    return document


def dockerfile() -> list[tuple[str, str]]:
    """Instructions and their values, in order."""
    parser = DockerfileParser(str(DEPLOY / "Dockerfile"), cache_content=True)
    steps = [(step["instruction"], step["value"]) for step in parser.structure]
    return [step for step in steps if step[0] != "COMMENT"]


def last(instruction: str) -> str:
    """The value of an instruction of which the last counts."""
    return [value for name, value in dockerfile() if name == instruction][-1]


def image_environment() -> dict[str, str]:
    """Settings that the image makes for whatever runs in it."""
    pairs = [pair.split("=", 1) for pair in last("ENV").split()]
    return {name: value for name, value in pairs if name.startswith("GATEWAY_")}


def exec_form(value: str) -> list[str]:
    """The words of `ENTRYPOINT ["gateway"]` and the like."""
    words: list[str] = json.loads(value[value.index("[") :])
    return words


def unit(file: Path) -> dict[str, list[tuple[str, str]]]:
    """Sections of a systemd unit with their directives; a directive may come more than once."""
    sections: dict[str, list[tuple[str, str]]] = {}
    for line in file.read_text().splitlines():
        if match := re.fullmatch(r"\[(\w+)\]", line):
            sections[match[1]] = []
        elif line and not line.startswith("#"):
            name, _, value = line.partition("=")
            sections[list(sections)[-1]].append((name, value))
    return sections


def parse_command(words: list[str]) -> None:
    """Let the real command line parse the words after `gateway`; raises what it raises."""
    command: Any = typer.main.get_command(admin.cli.app)
    parent = None
    while hasattr(command, "resolve_command"):
        parent = command.make_context(command.name, list(words), parent=parent)
        if not words and command.invoke_without_command:
            return
        _, command, words = command.resolve_command(parent, list(words))
    command.make_context(command.name, list(words), parent=parent)


def processes() -> Iterator[Process]:
    """Every process that compose, Kubernetes and systemd start."""
    yield from _compose_processes()
    yield from _kubernetes_processes()
    yield from _systemd_processes()


def _compose_processes() -> Iterator[Process]:
    document = compose()
    shared = _settings_file(DEPLOY / "settings.env.example")
    for name, service in document["services"].items():
        if name in NOT_OURS:
            continue
        yield Process(
            "compose.yaml",
            name,
            service["command"],
            image_environment()
            | (shared if "env_file" in service else {})
            | service["environment"],
            float(service["stop_grace_period"].removesuffix("s")),
            {f"/run/secrets/{secret}" for secret in service["secrets"]},
        )


def _kubernetes_processes() -> Iterator[Process]:
    keys = {one["metadata"]["name"]: set(one["stringData"]) for one in manifests(applied=False)}
    for name, template in pods().items():
        spec = template["spec"]
        container = spec["containers"][0]
        secret = next(one["secret"] for one in spec["volumes"] if one["name"] == "secrets")
        mounted = (
            {item["path"] for item in secret["items"]}
            if "items" in secret
            else keys[secret["secretName"]]
        )
        shared = _settings_file(KUBERNETES / "settings.env") if "envFrom" in container else {}
        yield Process(
            "kubernetes",
            name.removeprefix("gateway-"),
            container["args"],
            image_environment() | shared | {one["name"]: one["value"] for one in container["env"]},
            float(spec.get("terminationGracePeriodSeconds", 30)),
            {f"/run/secrets/gateway/{key}" for key in mounted},
        )


def _systemd_processes() -> Iterator[Process]:
    for name in PROCESSES:
        base, _, channel = name.partition("-")
        file = SYSTEMD / ("gateway-sender@.service" if channel else f"gateway-{base}.service")
        service = unit(file)["Service"]
        if channel:
            drop_ins = SYSTEMD / f"gateway-sender@{channel}.service.d"
            service += unit(drop_ins / "provider.conf")["Service"]
        values = [(key, value.replace("%i", channel)) for key, value in service]
        given = [value for key, value in values if key == "Environment"]
        loaded = [value.split(":")[0] for key, value in values if key == "LoadCredential"]
        yield Process(
            "systemd",
            name,
            dict(values)["ExecStart"].split()[1:],
            _settings_file(DEPLOY / "settings.env.example")
            | dict(one.split("=", 1) for one in given),
            float(dict(values).get("TimeoutStopSec", "90s").removesuffix("s")),
            {f"%d/{credential}" for credential in loaded},
        )


def _settings_file(file: Path) -> dict[str, str]:
    return {name: value or "" for name, value in dotenv_values(file).items()}
