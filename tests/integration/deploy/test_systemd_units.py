"""The systemd units by systemd's own tools, in a root of their own; nothing is started."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from common.channels import Channel
from common.errors import SETTINGS_EXIT_CODE
from tests.support.deployments import SYSTEMD, unit

SERVICES = [
    *("gateway-api", "gateway-console", "gateway-topology"),
    *(f"gateway-sender@{one}" for one in Channel),
]
MOST_EXPOSURE = 2.0  # of 10; 3 and less is what systemd calls OK

# Directives as systemd 250 knows them, for machines without systemd: of those that we use.
DIRECTIVES = {
    "Unit": "Description Wants After Before PartOf StartLimitIntervalSec",
    "Install": "WantedBy",
    "Service": """
        Type ExecStart EnvironmentFile Environment LoadCredential Restart RestartSec
        RestartPreventExitStatus RemainAfterExit
        StateDirectory StateDirectoryMode
        TimeoutStopSec TimeoutStartSec LimitNOFILE DynamicUser UMask NoNewPrivileges
        CapabilityBoundingSet
        ProtectSystem ProtectHome PrivateTmp PrivateDevices PrivateUsers ProtectProc ProtectClock
        ProtectHostname ProtectKernelLogs ProtectKernelModules ProtectKernelTunables
        ProtectControlGroups LockPersonality MemoryDenyWriteExecute RestrictNamespaces
        RestrictRealtime RestrictSUIDSGID RestrictAddressFamilies SystemCallArchitectures
        SystemCallFilter SystemCallErrorNumber""",
}

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="needs systemd-analyze, of the package systemd"
)


def analyze(root: Path, *words: str) -> str:
    """What systemd-analyze says of the units under `root`; fails when it finds fault."""
    command = ["systemd-analyze", words[0], f"--root={root}", *words[1:]]
    outcome = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    said = outcome.stdout + outcome.stderr
    assert outcome.returncode == 0, said
    return said


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root directory with our units, and a program where we install ours."""
    shutil.copytree(SYSTEMD, tmp_path / "etc" / "systemd" / "system")
    program = tmp_path / "opt/message-gateway/bin/gateway"
    program.parent.mkdir(parents=True)
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    return tmp_path


@needs_systemd
def test_systemd_finds_no_fault(root: Path) -> None:
    units = [f"{name}.service" for name in SERVICES]
    options = ["--man=no", "--recursive-errors=no"]
    assert analyze(root, "verify", *options, *units, "gateway.target") == ""


@needs_systemd
def test_systemd_would_find_a_fault(root: Path) -> None:
    (root / "opt/message-gateway/bin/gateway").unlink()
    with pytest.raises(AssertionError, match="gateway"):
        analyze(root, "verify", "--man=no", "--recursive-errors=no", "gateway-api.service")


@needs_systemd
@pytest.mark.parametrize("name", SERVICES)
def test_service_is_little_exposed(root: Path, name: str) -> None:
    said = analyze(root, "security", "--offline=true", "--no-pager", f"{name}.service")
    exposure = re.search(r"Overall exposure level for \S+: ([\d.]+)", said)
    assert exposure, said
    assert float(exposure[1]) < MOST_EXPOSURE


@pytest.mark.parametrize(
    "file",
    [file for file in sorted(SYSTEMD.rglob("*")) if file.is_file()],
    ids=lambda one: one.name,
)
def test_directives_are_known(file: Path) -> None:
    for section, directives in unit(file).items():
        unknown = {name for name, _ in directives} - set(DIRECTIVES[section].split())
        assert not unknown, f"[{section}] of {file.name}"
        assert all(value or name == "CapabilityBoundingSet" for name, value in directives)


def test_services_share_one_sandbox() -> None:
    texts = [file.read_text() for file in SYSTEMD.glob("*.service")]
    sandboxes = {text.split("\nDynamicUser=")[1] for text in texts}
    assert len(texts) == 6
    assert len(sandboxes) == 1


@pytest.mark.parametrize("name", ["gateway-api", "gateway-console", "gateway-sender@"])
def test_process_that_a_setting_ended_is_not_started_again(name: str) -> None:
    directives = dict(unit(SYSTEMD / f"{name}.service")["Service"])
    assert directives["Restart"] == "on-failure"
    assert directives["RestartPreventExitStatus"] == str(SETTINGS_EXIT_CODE)


def test_every_channel_has_its_credentials() -> None:
    drop_ins = {file.parent.name for file in SYSTEMD.rglob("*.conf")}
    assert drop_ins == {f"gateway-sender@{channel}.service.d" for channel in Channel}
