"""A channel is its row in the table and a few places more: here each tells when it lacks one."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from admin.doctor.providers import LOOKS
from broker_topology.topology import UNROUTED
from common.channels import FACTS, Channel, ChannelFacts, channel_of, sent_messages
from common.envelope import Delivery
from common.recipients import Recipient, parse_recipient
from common.settings import Settings, load_settings
from console.dead_letters.request import LetterFilter
from deploy.local.stack import sandbox_address, sandbox_settings
from gateway_api.notifications.request import NotificationRequest
from senders.process import make_provider
from senders.simulator.faults import FAULTS

ROOT = Path(__file__).resolve().parents[3]
ROWS = list(FACTS.items())
each_row = pytest.mark.parametrize(("channel", "facts"), ROWS, ids=list(FACTS))
each_channel = pytest.mark.parametrize("channel", list(Channel))


def test_every_channel_has_a_row() -> None:
    assert list(FACTS) == list(Channel)


@each_row
def test_settings_of_a_row_are_settings_of_the_channel(
    channel: Channel, facts: ChannelFacts
) -> None:
    named = {*facts.needs, *facts.secrets, *(meant for _, meant in facts.also_called)}
    named |= {facts.url} if facts.url else set()
    named |= {f"{channel}_lanes", f"{channel}_rate"}
    assert named - set(Settings.model_fields) == set()
    assert {channel_of(name) for name in named} == {channel}


@each_row
def test_defaults_of_a_row_are_those_of_the_settings(channel: Channel, facts: ChannelFacts) -> None:
    settings = load_settings({})
    rate = f"GATEWAY_{channel.upper()}_RATE"
    assert facts.url is None or getattr(settings, facts.url) == facts.default_url
    given = {rate: facts.default_rate} if facts.default_rate else {}
    assert settings.rate(channel) == load_settings(given).rate(channel)


@each_row
def test_examples_of_a_row_are_recipients(channel: Channel, facts: ChannelFacts) -> None:
    for address in facts.examples:
        assert parse_recipient(f"{channel}:{address}") == Recipient(channel, address)


@each_channel
def test_channel_has_options_at_the_door_and_on_the_wire(channel: Channel) -> None:
    assert channel in NotificationRequest.model_fields
    assert channel in Delivery.model_fields


@each_channel
def test_channel_has_a_sender_that_the_stand_ins_suit(channel: Channel) -> None:
    provider = make_provider(channel, load_settings(sandbox_settings(1025, 8025)))
    assert provider.name is channel


@each_channel
def test_channel_has_a_stand_in_and_the_doctor_a_look_at_it(channel: Channel) -> None:
    assert FAULTS[channel]
    assert channel in LOOKS


@each_row
def test_channel_is_deployed_everywhere(channel: Channel, facts: ChannelFacts) -> None:
    compose = yaml.safe_load((ROOT / "deploy/compose.yaml").read_text())["services"]
    assert f"sender-{channel}" in compose
    assert (ROOT / f"deploy/kubernetes/sender-{channel}.yaml").is_file()
    assert (ROOT / f"deploy/systemd/gateway-sender@{channel}.service.d").is_dir()
    for page in ("deploy/secrets/README.md", "deploy/kubernetes/secrets.example.yaml"):
        for secret in facts.secrets:
            assert secret in (ROOT / page).read_text()


@each_row
def test_documents_tell_of_the_channel(channel: Channel, facts: ChannelFacts) -> None:
    rows = (ROOT / "docs/api.md").read_text().split("### Recipients")[1].split("###")[0]
    [row] = re.findall(rf"^\| `{channel}` \|.*$", rows, re.MULTILINE)
    assert row.endswith("| " + ", ".join(f"`{channel}:{one}`" for one in facts.examples) + " |")
    named = ", ".join(f"`{one}`" for one in Channel)
    for page, place in (
        ("docs/architecture.md", f"| channel | {named} |"),
        ("docs/metrics.md", f"| `channel` | {named} |"),
        ("docs/api.md", f"| {named} | options of one channel"),
        ("README.md", f"the sender of a channel: {named};"),
    ):
        assert place in (ROOT / page).read_text(), page


def test_dead_letters_of_every_channel_can_be_asked_for() -> None:
    schema = LetterFilter.model_json_schema()["properties"]["channel"]["anyOf"][0]
    assert schema["enum"] == [*Channel, UNROUTED]


def test_what_the_gateway_is_said_to_be_names_every_channel() -> None:
    assert sent_messages() in (ROOT / "pyproject.toml").read_text()
    assert sent_messages() in (ROOT / "deploy/Dockerfile").read_text()
    readme = (ROOT / "README.md").read_text()
    shown = [f"{one}:{sandbox_address(one, 'http://127.0.0.1:8025')}" for one in Channel]
    assert [one for one in shown if one not in readme] == []


def test_table_is_cheap_to_import() -> None:
    program = (
        "import sys; before = set(sys.modules); import common.channels;"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before})"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert set(done.stdout.split()) - sys.stdlib_module_names == {"common"}


@each_row
def test_sender_loads_no_library_of_another_channel(channel: Channel, facts: ChannelFacts) -> None:
    others = {name for one in FACTS.values() for name in one.libraries} - {*facts.libraries}
    program = (
        f"import sys, senders.__main__, senders.{channel}.provider; print(*sys.modules, sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    loaded = set(done.stdout.split())
    assert set(facts.libraries) <= loaded
    assert others & loaded == set()
