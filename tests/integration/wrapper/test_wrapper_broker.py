"""The wrapper ./gateway provides RabbitMQ where one is needed, and starts no service by it."""

import fcntl
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.polling import until
from tests.support.processes.fake_checkout import Checkout, assert_fails_in_one_sentence

RABBITMQ_MISSING = "RabbitMQ was not found and could not be installed: install the package"
FAKE_APT = """#!/bin/sh
echo "$*" >>"$FAKES/apt"
case "$*" in
    *install*rabbitmq-server*)
        services=0
        "$FAKES/policy-rc.d" || services=$?
        echo "services: $services" >>"$FAKES/apt"
        sleep "${FAKE_APT_S:-0}"
        : >"$FAKES/rabbitmq-server"
        ;;
esac
"""
FAKE_SYSTEMCTL = '#!/bin/sh\necho "$*" >>"$FAKES/stopped"\n'


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout.create(tmp_path)


@pytest.mark.parametrize("command", ["demo", "test", "up", "bench"])
def test_without_rabbitmq_and_root_it_says_what_to_install(
    checkout: Checkout, command: str
) -> None:
    assert_fails_in_one_sentence(checkout.run(command), RABBITMQ_MISSING)


@pytest.mark.parametrize(
    ("words", "env"),
    [
        (["send"], {}),
        (["check"], {}),
        (["demo", "--help"], {}),
        (["demo", "-h"], {}),
        (["up", "--version"], {}),
        (["up", "--init"], {}),
        (["demo", "--exit"], {"GATEWAY_AMQP_URL": "amqp://elsewhere"}),
        (["demo", "--exit"], {"GATEWAY_AMQP_URL_FILE": "/run/secrets/elsewhere"}),
        (["up"], {"GATEWAY_AMQP_URL": "amqp://elsewhere"}),
    ],
)
def test_rabbitmq_is_not_asked_for_where_none_is_needed(
    checkout: Checkout, words: list[str], env: dict[str, str]
) -> None:
    done = checkout.run(*words, program=None, **env)
    assert done.stdout == f"command line: {' '.join(words)}\n"


@pytest.mark.parametrize(
    ("command", "line", "is_needed"),
    [
        ("up", "GATEWAY_AMQP_URL=amqp://elsewhere", False),
        ("up", "  export GATEWAY_AMQP_URL_FILE = /run/secrets/elsewhere", False),
        ("up", "#GATEWAY_AMQP_URL=amqp://elsewhere", True),
        ("up", "GATEWAY_AMQP_URL=", True),
        ("up", "GATEWAY_AMQP_CA_FILE=/etc/ca.pem", True),
        ("up", "GATEWAY_AMQP_URL_FILE=/a checkout/.gateway/broker/amqp_url", True),
        ("demo", "GATEWAY_AMQP_URL=amqp://elsewhere", True),
    ],
)
def test_env_file_names_the_broker_for_up_but_not_for_the_demo(
    checkout: Checkout, command: str, line: str, *, is_needed: bool
) -> None:
    (checkout.fakes / ".env").write_text(f"# mine\n{line}\n")
    done = checkout.run(command)
    if is_needed:
        assert_fails_in_one_sentence(done, RABBITMQ_MISSING)
    else:
        assert done.stdout == f"command line: {command}\n", done


def test_url_file_of_ups_own_broker_is_no_other_broker(checkout: Checkout) -> None:
    own = f"{checkout.root}/.gateway/broker/amqp_url"
    assert_fails_in_one_sentence(checkout.run("up", GATEWAY_AMQP_URL_FILE=own), RABBITMQ_MISSING)


def test_tests_need_a_server_of_their_own(checkout: Checkout) -> None:
    (checkout.fakes / "engine").touch()
    assert checkout.run("demo").returncode == 0
    done = checkout.run("test", GATEWAY_AMQP_URL="amqp://elsewhere")
    assert_fails_in_one_sentence(done, RABBITMQ_MISSING)


@pytest.mark.parametrize("command", ["demo", "up"])
def test_broken_code_of_ours_is_no_missing_rabbitmq(checkout: Checkout, command: str) -> None:
    checkout.add("apt-get", FAKE_APT)
    error = "cannot import name 'Channel'"
    done = checkout.run(command, FAKE_UID="0", FAKE_IMPORT_ERROR=error)
    assert_fails_in_one_sentence(done, f"deploy/local/server.py (ImportError: {error})")
    assert checkout.lines("apt") == []


@pytest.fixture
def debian(checkout: Checkout) -> Checkout:
    """Root's checkout on a Debian; apt-get notes down what policy-rc.d says while it installs."""
    checkout.add("apt-get", FAKE_APT)
    checkout.add("systemctl", FAKE_SYSTEMCTL)
    checkout.run()
    return checkout


def test_root_gets_rabbitmq_installed_but_not_started(debian: Checkout) -> None:
    done = debian.run("demo", FAKE_UID="0")
    assert (done.returncode, done.stdout) == (0, "command line: demo\n"), done
    assert debian.lines("apt") == [
        "-qq update",
        "-qq install -y --no-install-recommends rabbitmq-server",
        "services: 101",
    ]
    assert debian.lines("stopped") == [
        "disable --now rabbitmq-server.service epmd.service epmd.socket"
    ]
    assert list(debian.fakes.glob("policy-rc.d*")) == []


def test_somebody_elses_policy_stays(debian: Checkout) -> None:
    debian.add("policy-rc.d", "#!/bin/sh\nexit 102\n")
    assert debian.run("demo", FAKE_UID="0").returncode == 0
    assert debian.lines("apt")[-1] == "services: 102"
    assert debian.lines("policy-rc.d") == ["#!/bin/sh", "exit 102"]


def begin_installation(debian: Checkout, apt_s: str) -> subprocess.Popen[str]:
    process = debian.start("demo", FAKE_UID="0", FAKE_APT_S=apt_s)
    until(lambda: debian.lines("apt")[-1:] == ["services: 101"])
    return process


def is_held_by_nobody(file: Path) -> bool:
    """Whether nobody who lives has it locked."""
    with file.open() as handle:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


def test_policy_of_a_killed_installation_is_removed_by_the_next_run(debian: Checkout) -> None:
    with begin_installation(debian, "60") as process:
        os.killpg(process.pid, signal.SIGKILL)
    assert debian.policy_file.exists()
    until(lambda: is_held_by_nobody(debian.policy_file))  # all of the group have died

    done = debian.run("send")
    assert done.stdout == "command line: send\n"
    assert "remove it as root" in done.stderr
    assert debian.policy_file.exists()

    done = debian.run("send", FAKE_UID="0")
    assert done.stdout == "command line: send\n"
    assert "which an interrupted installation had left" in done.stderr
    assert not debian.policy_file.exists()


def test_policy_of_a_running_installation_is_left_to_it(debian: Checkout) -> None:
    with begin_installation(debian, "60") as process:
        done = debian.run("send", FAKE_UID="0")
        assert (done.stdout, done.stderr) == ("command line: send\n", "")
        assert debian.policy_file.exists()
        os.killpg(process.pid, signal.SIGTERM)
        process.communicate(timeout=60)
    assert process.returncode == 143
    assert not debian.policy_file.exists()


def test_container_tests_get_an_engine_and_no_rabbitmq(debian: Checkout) -> None:
    debian.add("slirp4netns", "#!/bin/sh\n")
    assert debian.run("test", "--containers", FAKE_UID="0").returncode == 0
    installed = " ".join(debian.lines("apt")).split()
    assert {"docker.io", "docker-cli", "debootstrap"} <= set(installed)
    assert not {"rabbitmq-server", "prometheus", "postgresql", "slirp4netns"} & set(installed)
    # An engine that was there already would not have been named.
    assert debian.lines("stopped") == [
        "disable --now docker.service docker.socket containerd.service"
    ]
