"""The wrapper ./gateway sets up once, repairs itself, and fails in one sentence."""

import contextlib
import os
import signal
import subprocess
from pathlib import Path

import pytest

from tests.support.polling import until
from tests.support.processes.fake_checkout import Checkout, assert_fails_in_one_sentence

SAME_NUMBER = """#!/bin/sh
for file in $(cd "$ROOT/.gateway" && grep -rlx "$OLD" .); do
    echo $$ >"$ROOT/.gateway/$file"
done
exec "$ROOT/gateway" "$@"
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout.create(tmp_path)


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
    assert len(checkout.lines("pip")) == len(checkout.lines("uv")) == 1


def test_runs_through_a_symlink_from_elsewhere(checkout: Checkout, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "first").symlink_to("a gateway ü/gateway")
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


@pytest.fixture(params=["flock", "python"])
def locked_by(request: pytest.FixtureRequest, checkout: Checkout) -> None:
    """The command flock where there is one, else a Python."""
    if request.param == "python":
        (checkout.fakes / "flock").unlink(missing_ok=True)


@pytest.mark.usefixtures("locked_by")
def test_many_at_once_set_up_once_and_then_hold_nobody_up(checkout: Checkout) -> None:
    all_at_once = [
        checkout.start(str(number), FAKE_PIP_S="1", FAKE_ADMIN_S="60") for number in range(4)
    ]
    try:
        said = {process.stdout.readline() for process in all_at_once if process.stdout}
        assert said == {f"command line: {number}\n" for number in range(4)}
        assert len(checkout.lines("pip")) == 1
        (checkout.root / "constraints.txt").write_text("rich==15.1\n")
        assert "Another set-up" not in checkout.run("send").stderr
    finally:
        for process in all_at_once:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate(timeout=60)


def begin_set_up(checkout: Checkout, pip_s: str) -> subprocess.Popen[str]:
    """A set-up that has come as far as to run pip."""
    before = len(checkout.lines("pip"))
    process = checkout.start(FAKE_PIP_S=pip_s)
    until(lambda: len(checkout.lines("pip")) > before)
    return process


@pytest.mark.usefixtures("locked_by")
def test_killed_set_up_holds_nobody_up_with_the_same_process_number(checkout: Checkout) -> None:
    with begin_set_up(checkout, "60") as process:
        os.killpg(process.pid, signal.SIGKILL)
    # In containers the numbers begin anew: whatever was noted down means the next one itself.
    checkout.add("again", SAME_NUMBER)
    words = {"OLD": str(process.pid), "ROOT": str(checkout.root)}
    done = checkout.run("send", program=checkout.fakes / "again", **words)
    assert done.stdout == "command line: send\n"
    assert "Another set-up" not in done.stderr


@pytest.mark.usefixtures("locked_by")
def test_pip_that_outlives_its_set_up_is_waited_for(checkout: Checkout) -> None:
    with begin_set_up(checkout, "1.5") as process:
        process.kill()
        done = checkout.run("send")
    assert done.stdout == "command line: send\n"
    assert "Another set-up is running; waiting for it." in done.stderr


def test_file_system_without_locks_is_told(checkout: Checkout) -> None:
    checkout.add("flock", "#!/bin/sh\necho 'flock: 9: No locks available' >&2; exit 71\n")
    assert_fails_in_one_sentence(checkout.run(), "Cannot lock")


def test_ctrl_c_leaves_nothing_and_the_next_run_repairs(checkout: Checkout) -> None:
    with begin_set_up(checkout, "60") as process:
        # What a shell begins just as it is interrupted never hears of it.
        until(lambda: any("sleep" in name for name in running_in_group(process.pid)))
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=60)
    assert process.returncode == 130
    until(lambda: running_in_group(process.pid) == [])  # one just begun notices it by itself
    done = checkout.run("send")
    assert done.stdout == "command line: send\n"
    assert "Another set-up" not in done.stderr


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
    done = checkout.run(FAKE_NO_UV="1", FAKE_PIP_ERROR=error)
    assert_fails_in_one_sentence(done, words)
    assert f"ERROR: {error}" in done.stderr
    assert checkout.run("send").stdout == "command line: send\n"


def test_occupied_place_of_the_state_is_told(checkout: Checkout) -> None:
    (checkout.root / ".gateway").write_text("a file")
    assert_fails_in_one_sentence(checkout.run(), "Cannot write to")
