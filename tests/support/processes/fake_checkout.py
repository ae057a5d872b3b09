"""The wrapper ./gateway in a copy of its own, where nothing is installed and no network is used.

Its PATH is ours: a Python, pip and apt-get that only play their parts. What it would write under
/usr/sbin it writes beside the copy.
"""

import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
POLICY_FILE = "/usr/sbin/policy-rc.d"
TOOLS = (
    *("cat", "chmod", "cksum", "cp", "dirname", "env", "flock", "grep"),
    *("mkdir", "mv", "readlink", "rm", "sed", "sh", "sleep", "sort", "tail", "tee", "tr"),
)

# Answers what the wrapper asks a Python, and plays venv, pip, uv and the command line.
FAKE_PYTHON = r"""#!/bin/sh
here=$(dirname "$0")
case "$*" in
    *find_*)
        if [ -n "${FAKE_IMPORT_ERROR:-}" ]; then
            echo Traceback >&2; echo "ImportError: $FAKE_IMPORT_ERROR" >&2; exit 1
        fi ;;
esac
case "$*" in
    *find_scripts*) [ -e "$FAKES/rabbitmq-server" ] || exit 3 ;;
    *find_engine*) [ -e "$FAKES/engine" ] || exit 3 ;;
    *'import fcntl'* | *'import os, sys, time'*) exec "$REAL_PYTHON" "$@" ;;
    *'version_info <'*) exit "${FAKE_TOO_OLD:-0}" ;;
    *'import ensurepip'*) exit "${FAKE_NO_VENV:-0}" ;;
    *'print(sys.version)'*) echo '3.11.99 fake' ;;
    *'print("%d.%d"'*) echo 3.11 ;;
    '-m venv '*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
    '-m pip config list') printf '%s\n' "${FAKE_PIP_CONFIG:-}" ;;
    '-m pip '*' uv -c '*)
        echo "$*" >>"$FAKES/pip"
        echo Collecting uv
        sleep "${FAKE_PIP_S:-0}"
        if [ -n "${FAKE_NO_UV:-}" ]; then echo 'ERROR: uv: connection refused'; exit 1; fi
        ;;
    '-m pip '*)
        echo "$*" >>"$FAKES/pip"
        if [ -n "${FAKE_PIP_ERROR:-}" ]; then echo "ERROR: $FAKE_PIP_ERROR"; exit 1; fi
        ;;
    '-m uv '*)
        echo "$*" >>"$FAKES/uv"
        env | grep '^UV_\|^SSL_' | sort >>"$FAKES/uv"
        if [ -n "${FAKE_UV_ERROR:-}" ]; then echo "error: $FAKE_UV_ERROR"; exit 2; fi
        ;;
    '-P -m admin'*) shift 3; echo "command line: $*"; sleep "${FAKE_ADMIN_S:-0}" ;;
    *) echo "unexpected: $*" >&2; exit 99 ;;
esac
"""
FAKE_ID = '#!/bin/sh\ncase $1 in -u) echo "${FAKE_UID:-1000}" ;; *) echo ada ;; esac\n'


@dataclass
class Checkout:
    """A copy of the wrapper in a fake project, and the fakes around it."""

    root: Path
    fakes: Path

    @classmethod
    def create(cls, directory: Path) -> "Checkout":
        """One in this directory that has a Python and nothing else."""
        root, fakes = directory / "a gateway ü", directory / "bin"
        root.mkdir()
        fakes.mkdir()
        checkout = cls(root, fakes)
        script = (ROOT / "gateway").read_text()
        assert script.count(POLICY_FILE) == 1
        (root / "gateway").write_text(script.replace(POLICY_FILE, str(checkout.policy_file)))
        (root / "gateway").chmod(0o755)
        (root / "pyproject.toml").write_text("[project]\n")
        (root / "constraints.txt").write_text("rich==15.0\n")
        for tool in TOOLS:
            if path := shutil.which(tool):
                (fakes / tool).symlink_to(path)
        checkout.add("python3.11", FAKE_PYTHON)
        checkout.add("id", FAKE_ID)
        return checkout

    @property
    def policy_file(self) -> Path:
        """What stands for Debian's policy-rc.d."""
        return self.fakes / "policy-rc.d"

    @property
    def state(self) -> Path:
        """Where the wrapper keeps its log and its lock."""
        return self.root / ".gateway"

    def add(self, name: str, script: str) -> None:
        """Put a program into its PATH."""
        (self.fakes / name).unlink(missing_ok=True)
        (self.fakes / name).write_text(script)
        (self.fakes / name).chmod(0o755)

    def start(self, *words: str, program: Path | None = None, **env: str) -> subprocess.Popen[str]:
        """Run the wrapper as the leader of a process group of its own."""
        return subprocess.Popen(
            [program or self.root / "gateway", *words],
            env={
                "PATH": str(self.fakes),
                "FAKES": str(self.fakes),
                "REAL_PYTHON": sys.executable,
                **env,
            },
            cwd=self.fakes,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # without a terminal nobody can be asked for a password
        )

    def run(
        self, *words: str, program: Path | None = None, **env: str
    ) -> subprocess.CompletedProcess[str]:
        """Run the wrapper to its end, within 60 s."""
        with self.start(*words, program=program, **env) as process:
            try:
                out, err = process.communicate(timeout=60)
            finally:
                process.kill()
        return subprocess.CompletedProcess(list(words), process.returncode, out, err)

    def lines(self, name: str) -> list[str]:
        """What a fake has noted down."""
        path = self.fakes / name
        return path.read_text().splitlines() if path.exists() else []


def assert_fails_in_one_sentence(done: subprocess.CompletedProcess[str], words: str) -> None:
    """Its last line is an error of ours with these words, and the command line was not reached."""
    last = done.stderr.splitlines()[-1]
    assert (done.returncode, done.stdout) == (1, ""), done
    assert last.startswith("gateway: ")
    assert words in last
