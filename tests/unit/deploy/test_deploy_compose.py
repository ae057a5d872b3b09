"""The compose file: valid against the Compose schema, and a DMZ."""

import subprocess
import sys
from pathlib import Path

import pytest

from common.channels import Channel
from tests.support.deployments import DEPLOY, compose

SENDERS = {f"sender-{channel}" for channel in Channel}


def check(file: Path) -> subprocess.CompletedProcess[str]:
    words = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    return subprocess.run(
        [*words, str(file)], capture_output=True, text=True, timeout=60, check=False
    )


def networks(service: str) -> set[str]:
    return set(compose()["services"][service]["networks"])


def test_file_is_valid() -> None:
    outcome = check(DEPLOY / "compose.yaml")
    assert outcome.returncode == 0, outcome.stdout


def test_a_misspelt_key_would_be_noticed(tmp_path: Path) -> None:
    wrong = tmp_path / "compose.yaml"
    wrong.write_text((DEPLOY / "compose.yaml").read_text().replace("cap_drop", "cap_dropped"))
    outcome = check(wrong)
    assert outcome.returncode == 1
    assert "cap_dropped" in outcome.stdout


def test_only_the_api_is_reachable_from_outside() -> None:
    published = {
        name: service["ports"]
        for name, service in compose()["services"].items()
        if "ports" in service
    }
    assert set(published) == {"api", "broker", "console"}
    inner = [*published["broker"], *published["console"]]
    assert all(port.startswith("127.0.0.1:") for port in inner)


def test_networks_keep_apart_what_has_no_business_with_each_other() -> None:
    document = compose()
    assert document["networks"]["inner"]["internal"] is True
    for name in ("edge", "console"):
        options = document["networks"][name]["driver_opts"]
        assert options == {"com.docker.network.bridge.enable_ip_masquerade": "false"}
    assert networks("api") == {"edge", "inner", "rates"}
    assert document["networks"]["rates"]["internal"] is True
    assert {name for name in document["services"] if "rates" in networks(name)} == {"api", "rates"}
    assert networks("rates") == {"rates"}
    assert networks("broker") == networks("console") == {"inner", "console"}
    assert networks("topology") == networks("schema") == networks("journal") == {"inner"}
    for sender in SENDERS:
        assert networks(sender) == {"inner", "outbound"}
    used = {network for name in document["services"] for network in networks(name)}
    assert used == set(document["networks"])


@pytest.mark.parametrize("name", sorted(compose()["services"]))
def test_container_has_no_rights_it_does_not_need(name: str) -> None:
    service = compose()["services"][name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["mem_limit"]
    assert service["logging"] == {"driver": "local"}


def test_processes_start_when_what_they_need_is_there() -> None:
    services = compose()["services"]
    is_done = {"condition": "service_completed_successfully"}
    for name in SENDERS | {"schema"}:
        assert services[name]["depends_on"] == {"topology": is_done}
    for name in ("api", "console", "journal"):
        assert services[name]["depends_on"] == {"topology": is_done, "schema": is_done}
    assert services["topology"]["depends_on"] == {"broker": {"condition": "service_healthy"}}
    assert services["topology"]["restart"] == services["schema"]["restart"] == "no"
    assert services["broker"]["healthcheck"]["test"][:2] == ["CMD", "rabbitmq-diagnostics"]


def test_store_is_in_a_volume_of_those_who_need_it_alone() -> None:
    services = compose()["services"]
    place = "store:/var/lib/message-gateway"
    holders = {name for name, service in services.items() if place in service.get("volumes", [])}
    assert holders == {"api", "console", "journal", "schema"}
    for name in holders:
        url = services[name]["environment"]["GATEWAY_DATABASE_URL"]
        assert url == "sqlite:////var/lib/message-gateway/gateway.db"


def test_console_sends_by_the_api_and_keeps_what_it_discards() -> None:
    services = compose()["services"]
    given = services["console"]["environment"]
    assert given["GATEWAY_API_HOST"] in services
    assert "inner" in services["console"]["networks"]
    assert "inner" in services["api"]["networks"]
    assert f"store:{given['GATEWAY_STATE_DIR']}" in services["console"]["volumes"]


def test_image_is_built_once_by_the_process_that_all_wait_for() -> None:
    services = compose()["services"]
    assert [name for name, service in services.items() if "build" in service] == ["topology"]


def test_every_secret_is_used_and_none_is_missing() -> None:
    document = compose()
    used = {
        secret if isinstance(secret, str) else secret["source"]
        for service in document["services"].values()
        for secret in service["secrets"]
    }
    assert used == set(document["secrets"])
