"""Every process that a file in deploy/ starts: its command, settings, secrets and time to stop."""

from pathlib import Path

import pytest

import console.server
import gateway_api.start
from broker_topology.rights import sender
from common.channels import FACTS
from common.settings import Settings, load_settings, unknown_settings
from tests.support.deployments import PROCESSES, Process, manifests, parse_command, processes

STOP_TIMEOUT_S: float = Settings.model_fields["stop_timeout_s"].default
each_process = pytest.mark.parametrize(
    "process", list(processes()), ids=lambda process: f"{process.file}-{process.name}"
)
each_sender = pytest.mark.parametrize(
    "process",
    [process for process in processes() if process.name.startswith("sender")],
    ids=lambda process: f"{process.file}-{process.name}",
)


def example_secrets() -> dict[str, str]:
    """Example values of all secrets by the name of their setting."""
    return {
        key: value for one in manifests(applied=False) for key, value in one["stringData"].items()
    }


def in_place(process: Process, directory: Path) -> dict[str, str]:
    """Its environment, the files of its secrets made in a directory of ours."""
    environment = dict(process.environment)
    for name, path in process.environment.items():
        if name.endswith("_FILE"):
            assert path in process.secrets, f"{name} names {path}, which nobody provides"
            key = name.removeprefix("GATEWAY_").removesuffix("_FILE").lower()
            (directory / key).write_text(example_secrets()[key] + "\n")
            environment[name] = str(directory / key)
    return environment


@pytest.mark.parametrize("source", ["compose.yaml", "kubernetes", "systemd"])
def test_every_process_is_started(source: str) -> None:
    assert sorted(one.name for one in processes() if one.file == source) == sorted(PROCESSES)


@each_process
def test_its_command_is_one_of_the_command_line(process: Process) -> None:
    parse_command(process.words)


def test_a_wrong_command_would_be_noticed() -> None:
    with pytest.raises(Exception, match="pigeon"):
        parse_command(["sender", "pigeon"])


@each_process
def test_its_settings_are_read_and_hold_together(process: Process, tmp_path: Path) -> None:
    environment = in_place(process, tmp_path)
    assert unknown_settings(environment) == []
    settings = load_settings(environment)
    if process.name == "api":
        gateway_api.start.check_start(settings)
        assert settings.api_key is not None
    if process.name == "console":
        console.server.check_start(settings)
        assert settings.console_key is not None
    assert len(process.secrets) == sum(name.endswith("_FILE") for name in environment)


@each_sender
def test_sender_serves_its_health_to_whoever_probes_it(process: Process) -> None:
    assert int(process.environment["GATEWAY_METRICS_PORT"]) > 0
    if process.file != "systemd":
        assert process.environment["GATEWAY_METRICS_HOST"] == "0.0.0.0"


@each_process
def test_it_gets_its_own_credentials_and_no_others(process: Process) -> None:
    wanted = {
        "topology": {"AMQP_URL"},
        "schema": {"DATABASE_URL"},
        "api": {"AMQP_URL", "API_KEY", "DATABASE_URL"},
        "console": {"AMQP_URL", "CONSOLE_KEY", "DATABASE_URL"},
        "journal": {"AMQP_URL", "DATABASE_URL"},
        **{
            sender(one): {"AMQP_URL", *(name.upper() for name in facts.secrets)}
            for one, facts in FACTS.items()
        },
    }[process.name]
    if process.file == "compose.yaml":
        wanted -= {"DATABASE_URL"}  # a file in a volume, and no secret
    files = {name for name in process.environment if name.endswith("_FILE")}
    assert files == {f"GATEWAY_{name}_FILE" for name in wanted}
    in_the_open = {f"GATEWAY_{name.upper()}" for name in example_secrets()}
    if process.file == "compose.yaml":
        in_the_open -= {"GATEWAY_DATABASE_URL"}
    assert not in_the_open & set(process.environment)


@each_process
def test_it_may_finish_its_work_before_it_is_killed(process: Process) -> None:
    waits_before_s = 5 if process.file == "kubernetes" and process.name == "api" else 0
    if process.name not in ("topology", "schema"):
        assert process.stop_s >= STOP_TIMEOUT_S + waits_before_s + 5
