"""Settings: read, refused with a sentence, never showing a secret."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from common.channels import Priority
from common.errors import SettingsError
from common.settings import (
    Rate,
    Settings,
    load_settings,
    parse_duration_s,
    unknown_settings,
)
from common.settings.table import settings_table

ROOT = Path(__file__).resolve().parents[3]


def test_defaults_need_nothing() -> None:
    settings = load_settings({})
    assert settings.retry_delays == (5, 30, 120, 600, 1800, 3600, 10_800, 21_600)
    assert settings.api_host == "127.0.0.1"


def test_forms_of_values() -> None:
    settings = load_settings(
        {
            "GATEWAY_RETRY_DELAYS": "500ms, 2m,1h",
            "GATEWAY_VK_LANES": "high:1,bulk:3",
            "GATEWAY_EMAIL_RATE": "90/min",
        }
    )
    assert settings.retry_delays == (0.5, 120, 3600)
    assert settings.lanes("vk") == {Priority.HIGH: 1, Priority.BULK: 3}
    assert settings.email_rate == Rate(90, 60)


def test_extra_headers_are_a_list_of_names_without_letter_case() -> None:
    assert load_settings({}).email_extra_headers is None
    settings = load_settings({"GATEWAY_EMAIL_EXTRA_HEADERS": "X-Campaign, Sensitivity"})
    assert settings.email_extra_headers == frozenset({"x-campaign", "sensitivity"})


@pytest.mark.parametrize(
    ("text", "seconds"), [("1s", 1), ("1.5m", 90), ("2h", 7200), ("1d", 86_400), ("10ms", 0.01)]
)
def test_durations(text: str, seconds: float) -> None:
    assert parse_duration_s(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"GATEWAY_RETRY_DELAYS": "5"}, "GATEWAY_RETRY_DELAYS: '5' is not a duration"),
        (
            {"GATEWAY_API_PORT": "http"},
            "GATEWAY_API_PORT: must be a whole number, not 'http'",
        ),
        ({"GATEWAY_API_PORT": "70000"}, "GATEWAY_API_PORT: must be at most 65535, not '70000'"),
        ({"GATEWAY_TRACE_RATIO": "half"}, "GATEWAY_TRACE_RATIO: must be a number, not 'half'"),
        ({"GATEWAY_PROBE_INTERVAL_S": "0"}, "_INTERVAL_S: must be more than 0, not '0'"),
        ({"GATEWAY_VK_LANES": "high:99"}, "_VK_LANES: high must be at most 64, not '99'"),
        ({"GATEWAY_LOG_LEVEL": "loud"}, "'info', 'warning' or 'error', not 'loud'"),
        ({"GATEWAY_VK_LANES": "urgent:1"}, "'urgent:1' is not <priority>:<lanes>"),
        ({"GATEWAY_EMAIL_RATE": "0/s"}, "GATEWAY_EMAIL_RATE: '0/s' is not a rate"),
        ({"GATEWAY_AMQP_URL": "http://x"}, "GATEWAY_AMQP_URL must begin with amqp://"),
        ({"GATEWAY_AMQP_CA_FILE": "/ca.pem"}, "GATEWAY_AMQP_CA_FILE is set, but GATEWAY_AMQP_URL"),
        (
            {"GATEWAY_AMQP_URL": "amqps://h", "GATEWAY_AMQP_CERT_FILE": "/c.pem"},
            "GATEWAY_AMQP_CERT_FILE is set but GATEWAY_AMQP_KEY_FILE is not",
        ),
        (
            {"GATEWAY_AMQP_URL": "amqps://h", "GATEWAY_AMQP_KEY_FILE": "/k.pem"},
            "GATEWAY_AMQP_KEY_FILE is set but GATEWAY_AMQP_CERT_FILE is not",
        ),
        ({"GATEWAY_API_KEY": "short"}, "GATEWAY_API_KEY is shorter than 16"),
        ({"GATEWAY_API_KEY": "ключ" * 4}, "GATEWAY_API_KEY has characters that no HTTP header"),
        (
            {"GATEWAY_CONSOLE_KEY": "k\u00e9y" * 6},
            "GATEWAY_CONSOLE_KEY has characters that no HTTP",
        ),
        ({"GATEWAY_EMAIL_URL": "smtp://h"}, "but GATEWAY_EMAIL_FROM"),
        ({"GATEWAY_OTLP_ENDPOINT": "http://[::1"}, "GATEWAY_OTLP_ENDPOINT must be an address"),
        ({"GATEWAY_OTLP_ENDPOINT": "http://h:port"}, "GATEWAY_OTLP_ENDPOINT must be an address"),
        ({"GATEWAY_VK_TOKEN_FILE": "/dev/null"}, "/dev/null, which is empty; write the value"),
        ({"GATEWAY_EMAIL_EXTRA_HEADERS": "X-A,X B"}, "'X B' is not the name of a header"),
        ({"GATEWAY_EMAIL_EXTRA_HEADERS": "X-A,,X-B"}, "'' is not the name of a header"),
        ({"GATEWAY_EMAIL_EXTRA_HEADERS": "X-A,BCC"}, "BCC is not for clients to set"),
        ({"GATEWAY_EMAIL_EXTRA_HEADERS": "Content-Type"}, "Content-Type is not for"),
        ({"GATEWAY_EMAIL_EXTRA_HEADERS": "x-gateway-id"}, "x-gateway-id is not for"),
        ({"GATEWAY_VK_TOKEN_FILE": "/nonesuch"}, "GATEWAY_VK_TOKEN_FILE names /nonesuch"),
        ({"GATEWAY_VK_TOKEN_FILE": "/a", "GATEWAY_VK_TOKEN": "b"}, "keep one"),
    ],
)
def test_fault_is_a_sentence_that_names_the_variable(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings(given)
    assert sentence in str(caught.value)


def test_secrets_never_show() -> None:
    settings = load_settings(
        {"GATEWAY_VK_TOKEN": "s3cret", "GATEWAY_AMQP_URL": "amqp://u:s3cret@h"}
    )
    assert "s3cret" not in repr(settings)
    with pytest.raises(SettingsError) as caught:
        load_settings({"GATEWAY_EMAIL_URL": "s3cret", "GATEWAY_API_KEY": "s3cret"})
    assert "s3cret" not in str(caught.value)


def test_secret_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("from-file\n")
    settings = load_settings({"GATEWAY_VK_TOKEN_FILE": str(tmp_path / "token")})
    assert settings.vk_token is not None
    assert settings.vk_token.get_secret_value() == "from-file"


def test_secret_in_the_place_of_an_empty_file_is_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "s3cret+token=").touch()
    with pytest.raises(SettingsError, match="looks like no path and is not shown, which is empty"):
        load_settings({"GATEWAY_VK_TOKEN_FILE": "s3cret+token="})


def test_environment_wins_over_dot_env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".env").write_text("GATEWAY_API_PORT=1\nGATEWAY_API_HOST=::1\n# a comment\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GATEWAY_API_PORT", "2")
    settings = load_settings()
    assert (settings.api_host, settings.api_port) == ("::1", 2)


def test_unknown_variable_is_reported_with_the_nearest_name() -> None:
    assert unknown_settings({"GATEWAY_EMIAL_URL": "x", "GATEWAY_PYTHON": "python3"}) == [
        "GATEWAY_EMIAL_URL in the environment is not a setting; did you mean GATEWAY_EMAIL_URL?"
    ]


def test_every_setting_is_described() -> None:
    assert [name for name, field in Settings.model_fields.items() if not field.description] == []


def test_documented_table_is_the_real_one() -> None:
    assert settings_table() in (ROOT / "docs" / "settings.md").read_text(), (
        "run: .venv/bin/python -m common.settings, and put its table into docs/settings.md"
    )


@pytest.mark.parametrize("name", [None, "closed/named.env"])
def test_directory_that_this_user_may_not_look_into_has_no_env_file(
    tmp_path: Path, name: str | None
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    for folder in (tmp_path, *tmp_path.parents[:4]):
        folder.chmod(0o755)
    become = "os.setuid(65534)" if os.geteuid() == 0 else "os.chmod('.', 0)"
    code = (
        f"import os; os.chdir({str(closed)!r}); from common.settings import load_settings; "
        f"{become}; load_settings(); print('read')"
    )
    told = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=os.environ
        | {"PYTHONPATH": str(ROOT)}
        | ({"GATEWAY_ENV_FILE": str(tmp_path / name)} if name else {}),
        capture_output=True,
        text=True,
        check=False,
    )
    closed.chmod(0o700)
    if name is None:
        assert (told.stdout, told.stderr) == ("read\n", "")
    else:
        last = told.stderr.splitlines()[-1]
        assert last.endswith("which is not there, or where this user may not look")


def test_named_env_file_that_is_missing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_ENV_FILE", "/nonesuch/.env")
    with pytest.raises(SettingsError, match="GATEWAY_ENV_FILE names /nonesuch"):
        load_settings()


def test_store_is_a_file_beside_other_state_unless_it_is_said() -> None:
    assert (
        load_settings({"GATEWAY_STATE_DIR": "/srv/a b"}).store_url
        == "sqlite:////srv/a b/gateway.db"
    )
    url = "postgresql://gateway:s3cr3t@db.example.com/gateway"
    settings = load_settings({"GATEWAY_DATABASE_URL": url})
    assert settings.store_url == url
    assert "s3cr3t" not in repr(settings)


@pytest.mark.parametrize("url", ["mysql://host/name", "postgresql://host", "/file.db"])
def test_address_of_no_store_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(SettingsError, match="GATEWAY_DATABASE_URL is no address such as") as error:
        load_settings({"GATEWAY_DATABASE_URL": url})
    assert url not in str(error.value)


OWN = "whsec_" + "b3RoZXIh" * 5


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("SECRET", "s3cr3t", "GATEWAY_CALLBACK_SECRET cannot sign: a secret begins with whsec_;"),
        ("SECRET", f"{OWN},", "GATEWAY_CALLBACK_SECRET cannot sign: a secret begins with whsec_;"),
        ("SECRET", "whsec_s3cr3t!", "GATEWAY_CALLBACK_SECRET cannot sign: what follows whsec_ is"),
        ("SECRET", "whsec_czNjcjN0", "GATEWAY_CALLBACK_SECRET cannot sign: a secret has 24 to 64"),
        ("ROOT_SECRET", "s3cr3t", "GATEWAY_CALLBACK_ROOT_SECRET is shorter than 32 characters;"),
        ("ALLOW_NETWORKS", "10.0.0.1/8", "GATEWAY_CALLBACK_ALLOW_NETWORKS: '10.0.0.1/8' is not a"),
    ],
)
def test_callback_setting_that_cannot_work_is_told(name: str, text: str, says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings({f"GATEWAY_CALLBACK_{name}": text})
    assert str(refused.value).startswith(says)
    assert "s3cr3t" not in str(refused.value)


def test_callback_settings_are_kept_out_of_sight() -> None:
    settings = load_settings(
        {"GATEWAY_CALLBACK_SECRET": f"{OWN}, {OWN}", "GATEWAY_CALLBACK_ROOT_SECRET": "s3cr3t" * 6}
    )
    assert "s3cr3t" not in repr(settings)
    assert OWN not in repr(settings)
    assert settings.callback_public
    assert not load_settings({"GATEWAY_CALLBACK_PUBLIC": "no"}).callback_public
