"""Commands that no gateway is named to find the one that runs here, and say so."""

import contextlib
import os
import shlex
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pydantic import SecretStr
from typer.testing import CliRunner, Result

from admin import announcing, here
from admin.cli import app
from admin.one_machine import alone
from broker_topology.connect import mask_url
from common.settings import Settings
from deploy.local.node import Node, free_port
from store.database import Database
from store.schema import upgrade
from tests.support.clients.keys import made_key
from tests.support.dead_letters import bury, ids_in
from tests.support.queues import make_delivery

DEAD = "telegram.dead"
KEY = "a-key-of-sixteen-letters"
FOUND = "gateway: using {} that runs here; --env-file names another\n"


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of its own, in which nothing runs yet, and the directory to work in."""
    root = tmp_path / "a checkout"
    (root / ".gateway").mkdir(parents=True)
    monkeypatch.setattr(announcing, "checkout", lambda: root)
    monkeypatch.chdir(tmp_path)
    return root


@contextlib.contextmanager
def running(name: str, url: str, **more: str) -> Iterator[Path]:
    """A gateway on this broker has announced itself; yields its file."""
    file = announcing.env_file_of(name)
    texts = {f"GATEWAY_{key.upper()}": text for key, text in more.items()}
    with announcing.announced(name, file, {"GATEWAY_AMQP_URL": url} | texts):
        yield file


def run(*words: str | Path, env: Mapping[str, str] | None = None) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words], env=env)


@pytest.mark.parametrize(
    ("name", "shown"),
    [(announcing.DEMO, "the demo"), (announcing.UP, "`gateway up`")],
    ids=["demo", "up"],
)
@pytest.mark.parametrize(
    "words",
    [["dead", "list"], ["topology", "check"], ["doctor"], ["topology", "apply"]],
    ids=" ".join,
)
@pytest.mark.usefixtures("checkout")
def test_commands_use_what_runs_here_and_say_so(
    name: str, shown: str, words: list[str], gateway_url: str, broker: Node
) -> None:
    with running(name, gateway_url, management_url=broker.management_url):
        done = run(*words)
    assert done.exit_code == 0, done.output
    assert done.stderr.startswith(FOUND.format(shown))
    if words[0] != "dead":
        assert mask_url(gateway_url) in done.stdout


@pytest.mark.usefixtures("checkout")
def test_its_management_api_is_used_too(gateway_url: str, broker: Node) -> None:
    with running(announcing.DEMO, gateway_url, management_url=broker.management_url):
        done = run("topology", "check")
    assert "as far as AMQP can tell" not in done.stdout


def test_what_is_named_wins_and_nothing_is_said(checkout: Path, gateway_url: str) -> None:
    elsewhere = f"amqp://demo:wrong@127.0.0.1:{free_port()}/"
    with running(announcing.DEMO, elsewhere) as file:
        by_environment = run("dead", "list", env={"GATEWAY_AMQP_URL": gateway_url})
        by_option = run("dead", "list", "--url", gateway_url)
        Path(".env").write_text(f"GATEWAY_AMQP_URL={gateway_url}\n")
        by_env_file = run("dead", "list")
        named = run("dead", "list", "--env-file", file)
    for done in (by_environment, by_option, by_env_file):
        assert (done.exit_code, done.stderr) == (0, "No dead letters.\n"), done.output
    # The file that is named has the last word, over .env and the environment.
    assert named.exit_code != 0
    assert checkout.is_dir()


@pytest.mark.usefixtures("checkout")
def test_broker_of_the_own_settings_brings_the_rest_of_what_runs_on_it(
    gateway_url: str, broker: Node
) -> None:
    with running(announcing.UP, gateway_url, management_url=broker.management_url):
        done = run("topology", "check", env={"GATEWAY_AMQP_URL": gateway_url})
    assert done.stderr == FOUND.format("`gateway up`")
    assert "as far as AMQP can tell" not in done.stdout


@pytest.mark.usefixtures("checkout")
@pytest.mark.parametrize(
    "elsewhere",
    [
        {"GATEWAY_API_HOST": "127.0.0.9"},
        {"GATEWAY_API_PORT": "18099"},
        {"GATEWAY_MANAGEMENT_URL": "http://127.0.0.9:15672"},
        {"GATEWAY_CONSOLE_PORT": "18099"},
    ],
    ids=lambda one: str(*one),
)
def test_address_of_another_gateway_is_never_shown_what_is_secret_here(
    elsewhere: dict[str, str], vhost_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in elsewhere.items():
        monkeypatch.setenv(name, value)
    with running(announcing.UP, vhost_url, api_key=KEY, api_port="18098"):
        found = here.settings_here()
    assert found.api_key is None
    assert "amqp_url" not in found.model_fields_set


@pytest.mark.usefixtures("checkout")
def test_key_of_another_gateway_is_not_shown_to_what_runs_here(
    vhost_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_API_KEY", KEY)
    monkeypatch.setenv("GATEWAY_TELEGRAM_TOKEN", "1:of-another")
    stand_in = {"telegram_token": "1:sandbox", "telegram_api_url": "http://127.0.0.1:8025"}
    with running(announcing.DEMO, vhost_url, api_port="18098", **stand_in):
        found = here.settings_here()
    assert (found.api_key, found.api_port) == (None, 18098)
    assert found.telegram_token is not None
    assert found.telegram_token.get_secret_value() == "1:of-another"
    assert found.telegram_api_url == Settings().telegram_api_url  # not that of the stand-in


@pytest.mark.usefixtures("checkout")
def test_key_that_a_demo_has_made_is_shown_to_it(
    vhost_url: str, store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(store_url)
    with contextlib.closing(Database(store_url)) as database:
        key = made_key(database)
    for text, is_shown in ((key.text, True), (KEY, False)):
        monkeypatch.setenv("GATEWAY_API_KEY", text)
        with running(announcing.DEMO, vhost_url, database_url=store_url):
            found = here.settings_here()
        assert found.api_key == (SecretStr(text) if is_shown else None)


@pytest.mark.usefixtures("checkout")
def test_free_port_of_the_settings_is_the_one_that_was_found(
    vhost_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GATEWAY_API_PORT", "0")
    with running(announcing.UP, vhost_url, api_port="18098", api_key=KEY):
        assert here.settings_here().api_port == 18098


def test_gateway_of_another_user_bars_nobody_who_names_one(
    checkout: Path, gateway_url: str
) -> None:
    become = "os.setuid(65534)" if os.geteuid() == 0 else "None"  # whom no file bars

    def as_nobody(**settings: str) -> subprocess.CompletedProcess[str]:
        given = {f"GATEWAY_{name.upper()}": text for name, text in settings.items()}
        code = (
            "import os; from pathlib import Path; from admin import announcing, here; "
            f"{become}; "
            f"announcing.checkout = lambda: Path({str(checkout)!r}); "
            "print(sorted(here.settings_here().model_fields_set))"
        )
        return subprocess.run(
            [sys.executable, "-P", "-c", code],
            env=os.environ | given,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    for folder in (checkout, *checkout.parents[:4]):
        folder.chmod(0o755)
    lock = announcing.env_file_of(announcing.UP).with_suffix(".lock")
    with alone(lock, "up"), running(announcing.UP, gateway_url) as file:
        file.chmod(0)
        assert "belongs to another user" in as_nobody().stderr
        assert as_nobody(amqp_url=gateway_url).stdout == "['amqp_url']\n"
        left = file.with_name("demo.env")
        left.write_text("GATEWAY_AMQP_URL=amqp://left/\n")  # by a demo that was killed
        left.chmod(0)
    assert as_nobody().stdout == "[]\n"


def test_two_that_run_here_are_a_question_with_its_answers(
    checkout: Path, gateway_url: str, vhost_url: str
) -> None:
    bury(gateway_url, make_delivery())
    with running(announcing.DEMO, vhost_url) as demo, running(announcing.UP, gateway_url) as up:
        done = run("dead", "discard", "--all", "--yes")
        assert (done.exit_code, type(done.exception).__name__) == (1, "ArgumentError")
        for file in (demo, up):
            assert f"--env-file {shlex.quote(str(file))}" in str(done.exception)
        assert len(ids_in(gateway_url, DEAD)) == 1
        answered = run("dead", "discard", "--all", "--yes", "--env-file", up)
    assert answered.exit_code == 0, answered.output
    assert ids_in(gateway_url, DEAD) == []
    assert not list((checkout / ".gateway").glob("*.env"))


@pytest.mark.usefixtures("checkout")
def test_what_is_announced_is_found_letter_by_letter() -> None:
    key = "$it's \\ ${HOME} \"#${NOBODY:-x}"
    url = "amqp://u:p${x}w@127.0.0.1:1/"
    with running(announcing.UP, url, api_key=key):
        found = here.settings_here()
    assert found.amqp_url.get_secret_value() == url
    assert found.api_key == SecretStr(key)


@pytest.mark.usefixtures("checkout")
def test_what_was_killed_is_not_found() -> None:
    left = announcing.env_file_of(announcing.DEMO)
    left.write_text(f"GATEWAY_AMQP_URL=amqp://127.0.0.1:{free_port()}/\n")
    assert "amqp_url" not in here.settings_here().model_fields_set


def test_nothing_here_and_nothing_named_says_what_to_start() -> None:
    port = free_port()
    usual = SecretStr(f"amqp://guest:guest@127.0.0.1:{port}/")
    nobody = Settings().model_copy(update={"amqp_url": usual})
    nobody.model_fields_set.clear()
    with pytest.raises(here.NothingHereError) as caught:
        here.expect_broker(nobody)
    assert str(caught.value) == (
        f"No gateway runs here, and no broker answers at 127.0.0.1:{port}: start `gateway demo` or "
        "`gateway up`, or name a broker with GATEWAY_AMQP_URL or --env-file."
    )


@pytest.mark.usefixtures("checkout")
def test_state_directory_of_an_up_elsewhere_leads_to_it(tmp_path: Path, gateway_url: str) -> None:
    state = tmp_path / "state"
    state.mkdir()
    with announcing.announced(
        announcing.UP,
        announcing.env_file_of(announcing.UP, state),
        {"GATEWAY_AMQP_URL": gateway_url},
    ):
        done = run("dead", "list", env={"GATEWAY_STATE_DIR": str(state)})
    assert done.stderr == FOUND.format("`gateway up`") + "No dead letters.\n"


def test_file_that_is_not_there_is_one_sentence(checkout: Path) -> None:
    done = run("dead", "list", "--env-file", checkout / "nobody.env")
    assert str(done.exception) == f"--env-file {checkout / 'nobody.env'}: there is no such file."


@pytest.mark.usefixtures("checkout")
def test_announcement_is_for_its_owner_and_for_any_value(vhost_url: str) -> None:
    values = {"api_key": 'it\'s \\ a "key" # of many letters', "telegram_token": "1:a b"}
    with running(announcing.DEMO, vhost_url, **values) as file:
        assert file.stat().st_mode & 0o777 == 0o600
        found = here.settings_here()
    assert found.api_key is not None
    assert found.api_key.get_secret_value() == values["api_key"]
    assert not file.exists()
