"""The rules of the house: who may import whom, and where each vendor's library may be used."""

import ast
import re
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from broker_topology.topology import build, queue_name
from common.channels import FACTS, Channel, Priority
from common.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
OURS = {
    "common",
    "broker_topology",
    "senders",
    "gateway_api",
    "gateway_client",
    "console",
    "journal",
    "store",
    "admin",
    "deploy",
    "tests",
}

SHARED = ("common", "broker_topology", "store")
PROCESSES = ("senders", "gateway_api", "console", "journal")

MAY_IMPORT: dict[str, set[str]] = {
    "common": set(),
    "gateway_client": set(),
    "broker_topology": {"common"},
    "senders": {"common", "broker_topology.topology"},
    # Not the work on dead letters: what is exposed has no operator's rights.
    "gateway_api": {"common", "store", "broker_topology.topology"},
    "console": {
        "common",
        "broker_topology.topology",
        "broker_topology.cancelling",
        "broker_topology.check",
        "broker_topology.connect",
        "broker_topology.dead_letters",
        "broker_topology.difference",
        "broker_topology.health",
        "broker_topology.rights.sender",
        "broker_topology.state",
        # What its pages send, and what it sends anew, is checked and built as the API does it.
        "gateway_api.notifications.deliveries",
        "gateway_api.notifications.validation",
        # Its page sends as every client does.
        "gateway_client",
        # A callback that is made again is the one that the journal made.
        "journal.callbacks.message",
        "store",
    },
    "store": {"common"},
    "journal": {"common", "store", "broker_topology.topology", "broker_topology.facts"},
    "deploy": {*SHARED, *PROCESSES, "admin"},
    "admin": {*SHARED, *PROCESSES, "deploy", "gateway_client"},
}

LIVES_IN: dict[str, str | tuple[str, ...]] = {
    "aio_pika": "common/broker/",
    "aiormq": "common/broker/",
    "pika": "broker_topology/",
    **{library: f"senders/{one}/" for one, facts in FACTS.items() for library in facts.libraries},
    "nicegui": ("console/frame/", "console/pages/"),
    "sqlalchemy": "store/",
    "alembic": "store/",
    "psycopg": "store/",
    "argon2": "console/people/passwords.py",
    "authlib": "console/people/oidc/provider.py",
    "joserfc": "console/people/oidc/provider.py",
    "jwt": "gateway_api/updates/tokens.py",
    "limits": "gateway_api/access/shared_rates.py",
    "redis": "gateway_api/access/shared_rates.py",
    "prometheus_client": "common/watching/metrics.py",
    "opentelemetry": "common/watching/tracing.py",
}


HELD_ROOMS = ("unit", "integration", "chaos", "support", "benchmarks")
MOST_FILES = 14
MOST_FILES_OF_A_FLOW = 8
COMPOSING = ("senders/process.py",)  # gives each lane its pipeline
FOUND_BY_NAME = {"senders/email/provider.py"}  # there, of the channel it is told


@cache
def imports(file: Path) -> Sequence[str]:
    """Every module that a file imports, by its full name."""
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += (f"{node.module}.{alias.name}" for alias in node.names)
    return found


def files(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_package_imports_only_whom_it_may(package: str) -> None:
    allowed = {*MAY_IMPORT[package], package}
    breaches = [
        f"{file.relative_to(ROOT)} imports {module}"
        for file in files(package)
        for module in imports(file)
        if module.split(".")[0] in OURS
        and not any(module == name or module.startswith(f"{name}.") for name in allowed)
    ]
    assert breaches == []


@pytest.mark.parametrize(("library", "home"), sorted(LIVES_IN.items()))
def test_vendor_library_is_imported_in_one_place(library: str, home: str | tuple[str, ...]) -> None:
    users = {
        str(file.relative_to(ROOT))
        for package in MAY_IMPORT
        for file in files(package)
        if any(module.split(".")[0] == library for module in imports(file))
    }
    assert [user for user in users if not user.startswith(home)] == []


def test_no_folder_is_too_full_to_be_read_at_a_glance() -> None:
    rooms = (*MAY_IMPORT, *(f"tests/{room}" for room in HELD_ROOMS))
    folders = {file.parent for room in rooms for file in files(room)}
    full = {
        str(folder.relative_to(ROOT)): len(found)
        for folder in folders
        if len(found := [one for one in folder.glob("*.py") if one.stem[0] != "_"]) > MOST_FILES
    }
    assert full == {}


def test_settings_are_read_in_one_place() -> None:
    readers = [
        str(file.relative_to(ROOT))
        for package in ("common", "broker_topology", "store", *PROCESSES)
        for file in files(package)
        if "os.environ" in file.read_text() or "getenv" in file.read_text()
    ]
    assert readers == ["common/given.py"]


def test_declared_channel_queues_are_the_consumed_ones() -> None:
    settings = load_settings({})
    consumed = {
        queue_name(channel, priority)
        for channel in Channel
        for priority, lanes in settings.lanes(channel).items()
        if lanes
    }
    declared = {
        queue.name
        for queue in build().queues
        if queue.name.split(".")[-1] in [*Priority] and queue.name.split(".")[0] in [*Channel]
    }
    assert consumed == declared
    assert len(declared) == len(Channel) * len(Priority)


def test_each_flow_is_followed_in_eight_files_that_lead_to_each_other() -> None:
    document = (ROOT / "docs" / "architecture.md").read_text()
    table = document.split("| flow | files |")[1].split("\n\n")[0]
    flows = [re.findall(r"`([\w/]+\.py)`", line) for line in table.splitlines()[2:]]
    assert len(flows) == 5
    for flow in flows:
        assert 1 < len(flow) <= MOST_FILES_OF_A_FLOW
        known = {module for file in (*flow, *COMPOSING) for module in imports(ROOT / file)}
        lost = {file for file in flow[1:] if not any(leads_to(module, file) for module in known)}
        assert lost <= FOUND_BY_NAME


def leads_to(module: str, file: str) -> bool:
    """Whether an import is of something in this file."""
    name = file.removesuffix(".py").replace("/", ".")
    return module == name or module.startswith(f"{name}.")
