"""The wrapper ./gateway: it sets up once, repairs itself, and fails in one sentence.

It runs in a copy with a PATH of our own: a Python, pip and apt-get that only play their parts, so
that nothing is installed and no network is used.
"""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = (
    *("cat", "chmod", "cksum", "cp", "dirname", "env", "grep"),
    *("mkdir", "mv", "readlink", "rm", "sh", "sleep", "tail"),
)
RABBITMQ_MISSING = "RabbitMQ was not found and could not be installed: install the package"

# Answers what the wrapper asks a Python, and plays venv, pip and the command line.
FAKE_PYTHON = r"""#!/bin/sh
here=$(dirname "$0")
case "$*" in
    *find_scripts*) [ -e "$FAKES/rabbitmq-server" ] ;;
    *find_engine*) [ -e "$FAKES/engine" ] ;;
    *'version_info <'*) exit "${FAKE_TOO_OLD:-0}" ;;
    *'import ensurepip'*) exit "${FAKE_NO_VENV:-0}" ;;
    *'print(sys.version)'*) echo '3.11.99 fake' ;;
    *'print("%d.%d"'*) echo 3.11 ;;
    '-m venv '*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    '-m pip '*)
        echo "$*" >>"$FAKES/pip"
        sleep "${FAKE_PIP_S:-0}"
        if [ -n "${FAKE_PIP_ERROR:-}" ]; then echo "ERROR: $FAKE_PIP_ERROR"; exit 1; fi
        ;;
    '-P -m admin'*) shift 3; echo "command line: $*" ;;
    *) echo "unexpected: $*" >&2; exit 99 ;;
esac
"""
FAKE_ID = '#!/bin/sh\ncase $1 in -u) echo "${FAKE_UID:-1000}" ;; *) echo ada ;; esac\n'
FAKE_APT = """#!/bin/sh
echo "$*" >>"$FAKES/apt"
case "$*" in *'install'*rabbitmq-server*) : >"$FAKES/rabbitmq-server" ;; esac
"""
FAKE_QUIET = '#!/bin/sh\necho "$0 $*" >>"$FAKES/quiet"\n'


@dataclass
class Checkout:
    """A copy of the wrapper in a fake project, and the fakes around it."""

    root: Path
    fakes: Path
    env: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, script: str) -> None:
        (self.fakes / name).write_text(script)
        (self.fakes / name).chmod(0o755)

    def start(self, *words: str, program: Path | None = None, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [program or self.root / "gateway", *words],
            env={"PATH": str(self.fakes), "FAKES": str(self.fakes), **env},
            cwd=self.fakes,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # without a terminal nobody can be asked for a password
        )

    def run(
        self, *words: str, program: Path | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        with self.start(*words, program=program, **env) as process:
            out, err = process.communicate(timeout=60)
        return subprocess.CompletedProcess(list(words), process.returncode, out, err)

    def lines(self, name: str) -> list[str]:
        path = self.fakes / name
        return path.read_text().splitlines() if path.exists() else []


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    root, fakes = tmp_path / "a check out ü", tmp_path / "bin"
    root.mkdir()
    fakes.mkdir()
    shutil.copy(ROOT / "gateway", root)
    (root / "pyproject.toml").write_text("[project]\n")
    (root / "constraints.txt").write_text("rich==15.0\n")
    for tool in TOOLS:
        (fakes / tool).symlink_to(shutil.which(tool) or pytest.fail(f"no {tool} here"))
    checkout = Checkout(root, fakes)
    checkout.add("python3.11", FAKE_PYTHON)
    checkout.add("id", FAKE_ID)
    return checkout


def assert_fails_in_one_sentence(done: subprocess.CompletedProcess[str], words: str) -> None:
    last = done.stderr.splitlines()[-1]
    assert (done.returncode, done.stdout) == (1, ""), done
    assert last.startswith("gateway: ")
    assert words in last


def running_in_group(group: int) -> list[str]:
    """The commands of a process group that run; zombies do not."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            name, _, rest = path.read_text().rpartition(")")
            state, _, pgid = rest.split()[:3]
            if int(pgid) == group and state != "Z":
                found.append(name)
    return found


def test_first_run_sets_up_and_second_only_hands_over(checkout: Checkout) -> None:
    first = checkout.run("send", "two words")
    assert (first.returncode, first.stdout) == (0, "command line: send two words\n"), first
    assert "Installing the packages" in first.stderr
    second = checkout.run("send")
    assert (second.returncode, second.stdout, second.stderr) == (0, "command line: send\n", "")
    assert checkout.lines("pip") == [
        "-m pip install --disable-pip-version-check --no-input -e .[dev] -c constraints.txt"
    ]


def test_runs_through_a_symlink_from_elsewhere(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "first").symlink_to("a check out ü/gateway")
    (tmp_path / "elsewhere" / "second").symlink_to("../first")
    done = checkout.run(program=tmp_path / "elsewhere" / "second")
    assert (done.returncode, done.stdout) == (0, "command line: \n"), done
    assert (checkout.root / ".venv" / ".gateway-stamp").exists()


@pytest.mark.parametrize("change", ["pins", "project", "moved", "interrupted", "broken"])
def test_outdated_or_unfinished_set_up_is_built_anew(checkout: Checkout, change: str) -> None:
    checkout.run()
    venv = checkout.root / ".venv"
    match change:
        case "pins":
            (checkout.root / "constraints.txt").write_text("rich==15.1\n")
        case "project":
            (checkout.root / "pyproject.toml").write_text("[project] # new\n")
        case "moved":
            checkout.root = checkout.root.rename(checkout.root.with_name("moved to"))
        case "interrupted":
            (venv / ".gateway-stamp").unlink()
        case "broken":
            (venv / "bin" / "python").unlink()
    done = checkout.run("send")
    assert (done.returncode, done.stdout) == (0, "command line: send\n"), done
    assert "building .venv anew" in done.stderr
    assert len(checkout.lines("pip")) == 2
    assert checkout.run().stderr == ""


def test_lock_of_a_dead_set_up_is_taken_over(checkout: Checkout) -> None:
    with subprocess.Popen(["true"]) as dead:
        pass
    lock = checkout.root / ".gateway" / "setup.lock"
    lock.mkdir(parents=True)
    (lock / "pid").write_text(f"{dead.pid}\n")
    assert checkout.run().returncode == 0
    assert not lock.exists()


def test_two_at_once_set_up_once(checkout: Checkout) -> None:
    with (
        checkout.start("one", FAKE_PIP_S="1") as one,
        checkout.start("two", FAKE_PIP_S="1") as two,
    ):
        said = {process.communicate(timeout=60)[0] for process in (one, two)}
    assert said == {"command line: one\n", "command line: two\n"}
    assert len(checkout.lines("pip")) == 1


def test_ctrl_c_leaves_nothing_and_the_next_run_repairs(checkout: Checkout) -> None:
    with checkout.start(FAKE_PIP_S="60") as process:
        deadline = time.monotonic() + 20
        while not checkout.lines("pip") and time.monotonic() < deadline:
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 130
    assert running_in_group(process.pid) == []
    assert not (checkout.root / ".gateway" / "setup.lock").exists()
    assert checkout.run("send").stdout == "command line: send\n"


def test_missing_python_is_told(checkout: Checkout) -> None:
    done = checkout.run(FAKE_TOO_OLD="1")
    assert_fails_in_one_sentence(done, "Python 3.11 or newer is needed: install it")


def test_wrong_gateway_python_is_told(checkout: Checkout) -> None:
    done = checkout.run(GATEWAY_PYTHON="/nowhere/python")
    assert_fails_in_one_sentence(done, "GATEWAY_PYTHON (/nowhere/python) is no Python 3.11")


def test_missing_venv_module_is_told(checkout: Checkout) -> None:
    done = checkout.run(FAKE_NO_VENV="1")
    assert_fails_in_one_sentence(done, "apt-get install python3.11-venv")


@pytest.mark.parametrize(
    ("error", "words"),
    [
        ("[Errno 28] No space left on device", "is full; free about 500 MB"),
        ("Temporary failure in name resolution: cannot resolve", "the package index cannot be"),
        ("No matching distribution found for rich==15.1", "see the lines above"),
    ],
)
def test_failing_pip_is_told_and_not_stamped(checkout: Checkout, error: str, words: str) -> None:
    done = checkout.run(FAKE_PIP_ERROR=error)
    assert_fails_in_one_sentence(done, words)
    assert f"ERROR: {error}" in done.stderr
    assert checkout.run("send").stdout == "command line: send\n"


def test_occupied_place_of_the_state_is_told(checkout: Checkout) -> None:
    (checkout.root / ".gateway").write_text("a file")
    assert_fails_in_one_sentence(checkout.run(), "Cannot write to")


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


def test_root_gets_rabbitmq_installed_but_not_started(checkout: Checkout) -> None:
    for name in ("systemctl", "tee"):
        checkout.add(name, FAKE_QUIET)
    # The real chmod would fail on the policy file that the recorded tee has not written.
    (checkout.fakes / "chmod").unlink()
    checkout.add("chmod", FAKE_QUIET)
    checkout.add("apt-get", FAKE_APT)
    done = checkout.run("demo", FAKE_UID="0")
    assert (done.returncode, done.stdout) == (0, "command line: demo\n"), done
    assert checkout.lines("apt") == [
        "-qq update",
        "-qq install -y --no-install-recommends rabbitmq-server",
    ]
    assert checkout.lines("quiet")[-1].endswith(
        "systemctl disable --now rabbitmq-server.service epmd.service epmd.socket"
    )
