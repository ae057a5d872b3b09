"""Processes that a setting keeps from starting: one sentence, and an exit code of its own.

It is for what the text of the settings alone decides; what files or DNS decide may mend itself.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from common.errors import SETTINGS_EXIT_CODE

STARTS = [
    *(["admin", "sender", "vk"], ["admin", "api"], ["admin", "console"]),
    *(["senders", "vk"], ["gateway_api"], ["console"]),
]


@pytest.mark.parametrize("words", STARTS, ids=" ".join)
def test_unreadable_env_file_is_told_and_may_have_been_half_saved(
    words: list[str], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("GATEWAY AMQP_URL=amqp://h\nGATEWAY_API_KEY\n")
    done = started(words, tmp_path)
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert [line.partition(": ")[2].partition(": ")[0] for line in lines] == [
        f"{tmp_path}/.env, line 1",
        f"{tmp_path}/.env, line 2",
    ]


@pytest.mark.parametrize(
    ("words", "settings", "said"),
    [
        (["senders", "vk"], {}, "the vk channel needs GATEWAY_VK_TOKEN"),
        (["senders", "vk"], {"GATEWAY_VK_TOKNE": "a"}, "did you mean GATEWAY_VK_TOKEN?"),
        (["senders", "vk"], {"GATEWAY_VK_RATE": "fast"}, "GATEWAY_VK_RATE: 'fast' is not a rate"),
        (["gateway_api"], {"GATEWAY_API_HOST": "0.0.0.0"}, "there is no GATEWAY_API_KEY"),
        (["console"], {"GATEWAY_CONSOLE_HOST": "0.0.0.0"}, "there is no GATEWAY_CONSOLE_KEY"),
        (
            ["console"],
            {"GATEWAY_CONSOLE_HOST": "::", "GATEWAY_API_KEY": "a" * 16},
            "there is no GATEWAY_CONSOLE_KEY",
        ),
        (
            ["console"],
            {"GATEWAY_CONSOLE_KEY": "a" * 16, "GATEWAY_API_KEY": "a" * 16},
            "GATEWAY_CONSOLE_KEY is the same as GATEWAY_API_KEY",
        ),
        (
            ["console"],
            {
                "GATEWAY_CONSOLE_SIGN_IN": "no",
                "GATEWAY_CONSOLE_HOST": "0.0.0.0",
                "GATEWAY_CONSOLE_KEY": "a" * 16,
            },
            "GATEWAY_CONSOLE_SIGN_IN is no, which makes everybody an administrator",
        ),
    ],
)
def test_setting_that_prevents_the_start_is_told_and_told_apart(
    words: list[str], settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    done = started(words, tmp_path, **settings)
    assert (done.returncode, done.stderr.count("\n")) == (SETTINGS_EXIT_CODE, 1)
    assert done.stderr.startswith("gateway: ")
    assert said in done.stderr


@pytest.mark.parametrize(
    "content", ["", "GATEWAY_VK_TOKEN=\n", "GATEWAY_VK_TOKN", "GATEWAY_VK_R=5"]
)
def test_env_file_that_may_be_half_saved_decides_nothing_for_good(
    content: str, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text(content)
    assert started(["senders", "vk"], tmp_path).returncode == 1


def test_unreadable_line_of_another_program_is_logged_and_passed_over(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("; a comment\nGATEWAY_LOG_FORMAT=json\n")
    done = started(["senders", "vk"], tmp_path)
    assert "unreadable line" in done.stdout + done.stderr
    assert f"{tmp_path}/.env, line 1: " in done.stdout + done.stderr
    assert done.stderr.splitlines()[-1].startswith("gateway: the vk channel needs")


MAIL = {"GATEWAY_EMAIL_URL": "smtp://h", "GATEWAY_EMAIL_FROM": "gateway@example.com"}
BROKER = {"GATEWAY_VK_TOKEN": "a", "GATEWAY_AMQP_URL": "amqps://h"}


@pytest.mark.parametrize(
    ("words", "settings", "said"),
    [
        (["senders", "vk"], {"GATEWAY_VK_TOKEN_FILE": "nonesuch"}, "cannot be read"),
        (["senders", "vk"], {"GATEWAY_VK_TOKEN_FILE": "empty"}, "which is empty"),
        (["senders", "vk"], {"GATEWAY_ENV_FILE": "nonesuch"}, "which is not there"),
        (["senders", "vk"], BROKER | {"GATEWAY_AMQP_CA_FILE": "nonesuch"}, "cannot be read"),
        (["senders", "vk"], BROKER | {"GATEWAY_AMQP_CA_FILE": "empty"}, "holds no certificate"),
        (
            ["senders", "vk"],
            BROKER | {"GATEWAY_AMQP_CERT_FILE": "new.pem", "GATEWAY_AMQP_KEY_FILE": "old.key"},
            "do not belong together",
        ),
        (["senders", "email"], MAIL | {"GATEWAY_EMAIL_CA_FILE": "nonesuch"}, "cannot be read"),
        (["senders", "email"], MAIL | {"GATEWAY_EMAIL_CA_FILE": "empty"}, "holds no certificate"),
        (["gateway_api"], {"GATEWAY_API_HOST": "api.nosuch.invalid"}, "GATEWAY_API_HOST is 'api"),
    ],
)
def test_what_files_and_names_decide_now_may_be_well_at_the_next_start(
    words: list[str], settings: dict[str, str], said: str, tmp_path: Path
) -> None:
    renewed, before = (trustme.CA().issue_cert("client@example.com") for _ in range(2))
    renewed.cert_chain_pems[0].write_to_path(tmp_path / "new.pem")
    before.private_key_pem.write_to_path(tmp_path / "old.key")
    (tmp_path / "empty").touch()
    done = started(words, tmp_path, **settings)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
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
