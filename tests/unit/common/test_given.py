"""`.env` is read strictly: what cannot be read, or is misspelt, stops whoever reads it."""

import codecs
from pathlib import Path

import pytest

from common.errors import SettingsError
from common.given import passed_over
from common.settings import load_settings, unknown_settings
from senders.process import check_start

MAIL = {"GATEWAY_EMAIL_URL": "smtp://h", "GATEWAY_EMAIL_FROM": "gateway@example.com"}
# What makes a process read the file of that name.
OTHERS_OF = {"API_KEY": {}, "AMQP_CA": {"GATEWAY_AMQP_URL": "amqps://h"}, "EMAIL_CA": MAIL}


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The `.env` of the working directory, not yet there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path / ".env"


def refusal(env: Path, content: str | bytes) -> str:
    """What is said to a file with this content."""
    env.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "line", "said"),
    [
        ("\n\nGATEWAY_API_PORT 1\n", 3, "write NAME=value"),
        ("GATEWAY_LOG_LEVEL=info\r\n\r\nGATEWAY AMQP_URL=s3cret", 3, "write NAME=value"),
        ("# one\n=s3cret\n", 2, "write NAME=value"),
        ("GATEWAY_VK_TOKEN: s3cret\n", 1, "write NAME=value"),
        ("GATEWAY_VK_TOKEN:s3cret\n", 1, "write NAME=value"),
        ("GATEWAY_VK_TOKEN:s3cret==\n", 1, "write NAME=value"),
        ('"GATEWAY_VK_TOKEN"=s3cret\n', 1, "write NAME=value"),
        ('GATEWAY_VK_TOKEN="s3cret\n', 1, "close every quote"),
        ("GATEWAY_VK_TOKEN='s3cret' more\n", 1, "close every quote"),
        ("\nGATEWAY_API_KEY\n", 2, "GATEWAY_API_KEY has no value; write GATEWAY_API_KEY=value"),
        ("export GATEWAY_API_KEY # key\n", 1, "GATEWAY_API_KEY has no value"),
        (
            'GATEWAY_VK_TOKEN="s3cret\nGATEWAY_API_PORT=1\nGATEWAY_API_HOST=::1"\n',
            1,
            "the quote before the value of GATEWAY_VK_TOKEN is not closed",
        ),
        ("A=1\nGATEWAY_EMAIL_FROM_NAME=caf\xe9\n".encode("latin-1"), 2, "save the file as UTF-8"),
        (codecs.BOM_UTF16_LE + "GATEWAY_API_PORT=1".encode("utf-16-le"), 1, "save the file as"),
        ("A=1\nGATEWAY_API_PORT=1\n".encode("utf-16-le"), 1, "save the file as UTF-8"),
    ],
)
def test_line_that_cannot_be_read_is_told_with_its_place(
    env: Path, content: str | bytes, line: int, said: str
) -> None:
    sentence = refusal(env, content)
    assert sentence.startswith(f"{env}, line {line}: ")
    assert said in sentence
    assert "s3cret" not in sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(
    "line",
    [
        "; a comment",
        "; GATEWAY_API_PORT 2",
        "// a comment",
        "SHOP=\"a\"'b'",
        'SHOP="never closed',
        '  "key": "s3cret"',
        "-----END PRIVATE KEY-----",
    ],
)
def test_unreadable_line_of_another_program_is_told_and_no_fault(env: Path, line: str) -> None:
    env.write_text(f"# one\n{line}\nGATEWAY_API_PORT=1\n")
    assert load_settings().api_port == 1
    assert unknown_settings() == []
    [told] = passed_over()
    assert told.startswith(f"{env}, line 2: this line cannot be read and is passed over")
    assert "s3cret" not in told
    assert passed_over(env) == [told]


def test_unreadable_line_that_swallows_one_of_ours_is_a_fault(env: Path) -> None:
    said = refusal(env, 'SHOP="a\nGATEWAY_API_PORT=1\nNAME="b"\n')
    assert said.startswith(f"{env}, line 1: this line cannot be read")


@pytest.mark.parametrize("line", [";GATEWAY_API_PORT=2", "OTHER", "export OTHER", "{", "}"])
def test_lines_that_mean_nothing_to_us_change_nothing(env: Path, line: str) -> None:
    env.write_text(f"{line}\n")
    assert load_settings() == load_settings({})
    assert passed_over() == []


@pytest.mark.parametrize(
    "secret", ["hunter2-0123456789", "amqp://u:hunter2@h/", "/hunter2+/9Q==", "hunter2/ab"]
)
@pytest.mark.parametrize("name", ["API_KEY", "AMQP_CA", "EMAIL_CA"])
def test_secret_in_the_place_of_a_path_is_not_quoted(name: str, secret: str) -> None:
    given = {f"GATEWAY_{name}_FILE": secret} | OTHERS_OF[name]
    with pytest.raises(SettingsError) as caught:
        check_start("email", load_settings(given))
    assert f"GATEWAY_{name}_FILE" in str(caught.value)
    assert "hunter2" not in str(caught.value)
    assert "cannot be read: No such file" in str(caught.value)


def test_every_wrong_line_is_told(env: Path) -> None:
    told = refusal(env, "GATEWAY A=1\nGATEWAY_API_PORT=1\n\nGATEWAY B=1\n").splitlines()
    assert [line.partition(": ")[0] for line in told] == [f"{env}, line 1", f"{env}, line 4"]


def test_values_mean_what_they_mean_to_dotenv(env: Path) -> None:
    env.write_text(
        "export GATEWAY_API_HOST='::1' # here\n"
        'GATEWAY_EMAIL_FROM_NAME="a # \\"shop\\""\n'
        "HOST=shop.example\n"
        "KEY='-----BEGIN\nEND-----'\n"
        "OTHER\n"
        "GATEWAY_TELEGRAM_API_URL=https://${HOST}/\n"
        "GATEWAY_API_PORT = 1\n"
        "GATEWAY_VK_TOKEN=\n"
    )
    settings = load_settings()
    assert (settings.api_host, settings.api_port, settings.vk_token) == ("::1", 1, None)
    assert settings.email_from_name == 'a # "shop"'
    assert settings.telegram_api_url == "https://shop.example/"


@pytest.mark.parametrize(
    ("line", "token"),
    [
        ("GATEWAY_VK_TOKEN='p${HOST}w'", "p${HOST}w"),
        ("GATEWAY_VK_TOKEN = 'p${HOST}w' # key", "p${HOST}w"),
        ("export 'GATEWAY_VK_TOKEN'='p${NOBODY:-x}w'", "p${NOBODY:-x}w"),
        ("GATEWAY_VK_TOKEN='it\\'s \\\\ ${HOST}'", "it's \\ ${HOST}"),
        ("GATEWAY_VK_TOKEN='$HOST'", "$HOST"),
        ('GATEWAY_VK_TOKEN="p${HOST}w"', "pshop.examplew"),
        ("GATEWAY_VK_TOKEN=p${HOST}'w'", "pshop.example'w'"),
        ("GATEWAY_VK_TOKEN=${OUTSIDE}-${NOBODY:-x}${NOBODY}", "from outside-x"),
        ("OUTSIDE='${HOST}'\nGATEWAY_VK_TOKEN=${OUTSIDE}", "${HOST}"),
    ],
)
def test_single_quotes_protect_what_would_stand_for_another_value(
    env: Path, line: str, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTSIDE", "from outside")
    env.write_text(f"HOST=shop.example\n{line}\n")
    given = load_settings().vk_token
    assert given is not None
    assert given.get_secret_value() == token


def test_file_that_is_named_takes_nothing_from_the_environment(
    env: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OUTSIDE", "from outside")
    env.write_text("HOST=shop\nGATEWAY_EMAIL_FROM_NAME=${HOST}${OUTSIDE}\n")
    assert load_settings(file=env).email_from_name == "shop"


def test_byte_order_mark_hides_no_name(env: Path) -> None:
    env.write_bytes(codecs.BOM_UTF8 + b"GATEWAY_API_PORT=1\n")
    assert load_settings().api_port == 1


def test_file_that_may_not_be_read_is_told(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:  # root may read everything
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    assert "cannot be read: Permission denied; make it readable" in refusal_of(env)


def refusal_of(env: Path) -> str:
    env.touch()
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return str(caught.value)


def test_named_directory_is_no_file(env: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATEWAY_ENV_FILE", str(env.parent))
    with pytest.raises(SettingsError, match="which is no file"):
        load_settings()


@pytest.mark.parametrize(
    ("variable", "meant"),
    [
        ("GATEWAY_AMPQ_URL", "GATEWAY_AMQP_URL"),
        ("GATEWAY_AMPQ_URL_FILE", "GATEWAY_AMQP_URL_FILE"),
        ("GATEWAY_EMIAL_URL", "GATEWAY_EMAIL_URL"),
        ("GATEWAY_TELEGRAM_BOT_TOKEN", "GATEWAY_TELEGRAM_TOKEN"),
        ("GATEWAY_TELEGRAM_BOT_TOKEN_FILE", "GATEWAY_TELEGRAM_TOKEN_FILE"),
        ("GATEWAY_ENVFILE", "GATEWAY_ENV_FILE"),
        ("GATEWAY_APIKEY", "GATEWAY_API_KEY"),
        ("GATEWAY__API_KEY", "GATEWAY_API_KEY"),
        ("GATEWAY_AMQP_URI", "GATEWAY_AMQP_URL"),
        ("GATEWAY_AMQP_URLL", "GATEWAY_AMQP_URL"),
        ("GATEWAY_AMQ_UR", "GATEWAY_AMQP_URL"),
        ("GATEWAY_EMAIL_FORM", "GATEWAY_EMAIL_FROM"),
        ("GATEWAY_API_KEY_FIEL", "GATEWAY_API_KEY_FILE"),
        ("GATEWAY_TELEGRRAM_TOEKN", "GATEWAY_TELEGRAM_TOKEN"),
        ("GATEWAY_VK_TOKNE", "GATEWAY_VK_TOKEN"),
        ("GATEWAY_api_key", "GATEWAY_API_KEY"),
    ],
)
def test_misspelt_name_is_an_error_wherever_it_stands(env: Path, variable: str, meant: str) -> None:
    said = f"is not a setting; did you mean {meant}?"
    assert refusal(env, f"# one\n{variable}=s3cret\n").startswith(
        f"{env}, line 2: {variable} {said}"
    )
    with pytest.raises(SettingsError) as caught:
        load_settings({variable: "s3cret"})
    assert str(caught.value).startswith(f"{variable} in the environment {said}")
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "variable",
    [
        "GATWAY_AMQP_URL",
        "gateway_amqp_url",
        "Gateway_Amqp_Url",
        "GATEWAYAMQP_URL",
        "GATEWY_VK_TOKEN",
    ],
)
def test_misspelt_prefix_is_an_error_in_the_file(env: Path, variable: str) -> None:
    assert f"{env}, line 1: {variable} is not a setting; did" in refusal(env, f"{variable}=x\n")


@pytest.mark.parametrize(
    "variable",
    [
        "GATEWAY_SERVICE_HOST",
        "GATEWAY_SERVICE_PORT",
        "GATEWAY_SERVICE_PORT_HTTP",
        "GATEWAY_PORT",
        "GATEWAY_PORT_80_TCP",
        "GATEWAY_PORT_80_TCP_ADDR",
        "GATEWAY_IMAGE_TAG",
        "GATEWAY_API_URL",
        "GATEWAY_AMQP_PORT",
        "GATEWAY_EMAIL_PORT",
        "GATEWAY_API_V2_PORT",
        "GATEWAY_MANAGEMENT_PORT",
        "GATEWAY_TELEGRAM_PORT",
        "GATEWAY_TELEGRAM_API_PORT",
        "GATEWAY_VK_API_PORT",
        "GATEWAY_AMQP_USER",
        "GATEWAY_AMQP_HOST",
        "GATEWAY_API_KEYS",
        "GATEWAY_API_KEYS_FILE",
        "GATEWAY_API_KEY_ID",
        "GATEWAY_KEY_FILE",
        "GATEWAY_API_CERT_FILE",
        "GATEWAY_METRICS_PATH",
        "GATEWAY_AMQP_URL_API",
        "GATEWAY_AMQP_URL_EMAIL",
        "GATEWAY_AMQP_URL_OLD",
        "GATEWAY_API_KEY_2",
        "GATEWAY_EMAIL_URL_OLD",
    ],
)
def test_name_that_is_no_slip_is_only_told(env: Path, variable: str) -> None:
    env.write_text(f"{variable}=x\n")
    load_settings()
    assert unknown_settings() == [
        f"{env}, line 1: {variable} is not a setting; see docs/settings.md"
    ]
    assert unknown_settings({variable: "x"}) == [
        f"{variable} in the environment is not a setting; see docs/settings.md"
    ]


def test_names_of_other_programs_are_left_alone(env: Path) -> None:
    names = [
        "SMS_GATEWAY_API_KEY",
        "PUSHGATEWAY_API_KEY",
        "SMSGATEWAY_API_KEY",
        "APIGATEWAY_API_KEY",
        "PAYGATEWAY_API_KEY",
        "XGATEWAY_API_KEY",
        "API_KEY",
        "EMAIL_URL",
        "AMQP_URL",
        "TELEGRAM_TOKEN",
        "VK_TOKEN",
    ]
    env.write_text("".join(f"{name}=x\n" for name in names))
    load_settings()
    assert unknown_settings() == []


@pytest.mark.parametrize(
    "variable",
    [
        "GATEWAY_AMQP_PORT",
        "GATEWAY_API_PORT",
        "GATEWAY_METRICS_PORT",
        "GATEWAY_APIS_PORT",
        "GATEWAY_API_PORT_80_TCP",
    ],
)
@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_service_link_of_kubernetes_is_told_and_is_no_setting(variable: str, kind: str) -> None:
    given = {variable: f"{kind}://10.0.0.1:5672"}
    assert load_settings(given) == load_settings({})
    assert unknown_settings(given) == [
        f"{variable} in the environment is not a setting; Kubernetes tells the address of a "
        "service by it; enableServiceLinks: false ends that"
    ]
