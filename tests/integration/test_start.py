"""Processes that a setting keeps from starting: one sentence, and an exit code of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.errors import SETTINGS_EXIT_CODE

STARTS = [["admin", "sender", "vk"], ["admin", "api"], ["senders", "vk"], ["gateway_api"]]


@pytest.mark.parametrize("words", STARTS, ids=" ".join)
def test_unreadable_env_file_is_told_and_told_apart(words: list[str], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("GATEWAY AMQP_URL=amqp://h\nGATEWAY_API_KEY\n")
    done = started(words, tmp_path)
    assert done.returncode == SETTINGS_EXIT_CODE
    lines = done.stderr.splitlines()
    assert [line.partition(": ")[2].partition(": ")[0] for line in lines] == [
        f"{tmp_path}/.env, line 1",
        f"{tmp_path}/.env, line 2",
    ]


@pytest.mark.parametrize(
    ("words", "settings", "said"),
    [
        (["senders", "vk"], {}, "the vk channel needs GATEWAY_VK_TOKEN"),
        (
            ["senders", "telegram"],
            {"GATEWAY_TELEGRAM_TOKEN": "1:a", "GATEWAY_AMQP_URL": "amqps://h"}
            | {"GATEWAY_AMQP_CA_FILE": "/nonesuch"},
            "/nonesuch (GATEWAY_AMQP_CA_FILE) cannot be read",
        ),
        (["gateway_api"], {"GATEWAY_API_HOST": "0.0.0.0"}, "there is no GATEWAY_API_KEY"),
    ],
)
def test_setting_that_prevents_the_start_is_told_and_told_apart(
    words: list[str], settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    done = started(words, tmp_path, **settings)
    assert (done.returncode, done.stderr.count("\n")) == (SETTINGS_EXIT_CODE, 1)
    assert done.stderr.startswith("gateway: ")
    assert said in done.stderr


def test_other_ends_keep_their_exit_code(tmp_path: Path) -> None:
    done = started(
        ["gateway_api"], tmp_path, GATEWAY_API_HOST="192.0.2.1", GATEWAY_API_KEY="k" * 16
    )
    assert done.returncode == 1
    assert "cannot listen on 192.0.2.1" in done.stderr


def started(words: list[str], directory: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a process that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-P", "-m", *words],
        cwd=directory,
        env=os.environ | env,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
