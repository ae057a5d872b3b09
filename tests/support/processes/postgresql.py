"""A private PostgreSQL server for tests and benchmarks, of this machine's own installation.

Own port on loopback, own socket, data and log in a directory of its own, which goes with it. Its
guard ends it and removes the directory also when its owner is killed.
"""

import itertools
import os
import pwd
import secrets
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import psycopg

from common.errors import GatewayError
from deploy.local.guard import end_guarded, start_guarded
from deploy.local.node import free_port
from deploy.local.process import tail
from tests.support.polling import until

USER: Final = "gateway"

_PLACES: Final = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin", "usr/libexec/postgresql*")
_ENVIRONMENT: Final = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8"}
_NOBODY_SPECIAL: Final = "postgres"
_STOPPED: Final = "stopped"  # a file that says: it will be started again
# What a killed server leaves behind in the system is a piece of shared memory, and its files.
_CLEAN_UP: Final = f"""
if [ -e "$1/{_STOPPED}" ]; then exit; fi
memory=$(sed -n 7p "$1/data/postmaster.pid" 2>/dev/null | awk '{{print $2}}')
[ -z "$memory" ] || ipcrm -m "$memory" 2>/dev/null
rm -rf "$1"
"""
_numbers = itertools.count(1)


class NoPostgresql(GatewayError):
    """There is no PostgreSQL server to start here."""


class Postgresql:
    """One private server; make it with `running`."""

    def __init__(self, programs: Path, directory: Path, *, durable: bool) -> None:
        self.port = free_port()
        self.log_file = directory / "log"
        self._programs, self._directory, self._durable = programs, directory, durable
        self._password = secrets.token_urlsafe(12)
        self._guard: subprocess.Popen[bytes] | None = None

    @classmethod
    @contextmanager
    def running(cls, *, durable: bool = False) -> Iterator["Postgresql"]:
        """A new server; durable: what it has committed outlives a power cut. Raises NoPostgresql.

        Root runs it as the user `postgres`, because the server refuses to be root's.
        """
        programs = find_programs()
        directory = Path(tempfile.mkdtemp(prefix="gateway-postgresql-"))
        server = cls(programs, directory, durable=durable)
        try:
            server._make()
            server.start()
            yield server
        finally:
            server.stop()
            shutil.rmtree(directory, ignore_errors=True)

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self._guard = start_guarded(
            [*_as_nobody_special(), *self._command()],
            env=_ENVIRONMENT,
            log_file=self.log_file,
            at_end=("sh", "-c", _CLEAN_UP, "sh", str(self._directory)),
        )
        try:
            until(self._answers)
        except AssertionError:
            raise NoPostgresql(f"PostgreSQL does not start:\n{tail(self.log_file)}") from None
        (self._directory / _STOPPED).unlink(missing_ok=True)

    def stop(self) -> None:
        """Cut off all clients and end it in good order, until `start`."""
        if self._guard is None:
            return
        (self._directory / _STOPPED).touch()
        pid_file = self._directory / "data" / "postmaster.pid"
        with suppress(OSError, ValueError):
            os.kill(int(pid_file.read_text().split()[0]), signal.SIGINT)
            self._guard.wait(30)
        end_guarded(self._guard)
        self._guard = None

    def as_restored(self) -> None:
        """Have the next start be that of a server that was restored from its files and its log."""
        self.execute("ALTER SYSTEM SET restore_command = 'false'")
        signal_file = self._directory / "data" / "recovery.signal"
        signal_file.touch()
        if os.getuid() == 0:
            shutil.chown(signal_file, _NOBODY_SPECIAL)

    def run(self, program: str, *words: str, given: str = "") -> str:
        """Run a program of PostgreSQL's and return what it printed."""
        command = [str(self._programs / program), *words]
        done = subprocess.run(command, input=given, capture_output=True, text=True, check=True)
        return done.stdout

    def new_database(self) -> str:
        """The URL of an empty database that the user `gateway` owns."""
        name = f"test_{next(_numbers)}"
        self.execute(f"CREATE DATABASE {name} OWNER {USER}")
        return f"postgresql://{USER}:{self._password}@127.0.0.1:{self.port}/{name}"

    def drop(self, url: str) -> None:
        """Remove a database that `new_database` made, whoever is connected to it."""
        self.execute(f"DROP DATABASE {url.rpartition('/')[2]} WITH (FORCE)")

    def execute(self, statement: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run one statement as the administrator, and return its rows."""
        with self._administrator(database) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def _administrator(self, database: str) -> psycopg.Connection[tuple[Any, ...]]:
        return psycopg.connect(
            host=str(self._directory), port=self.port, user="postgres", dbname=database,
            autocommit=True, connect_timeout=5,
        )  # fmt: skip

    def _make(self) -> None:
        if os.getuid() == 0:
            shutil.chown(self._directory, _NOBODY_SPECIAL)
        words = ["-D", str(self._directory / "data"), "-U", "postgres", "-E", "UTF8", "-N"]
        trust = ["--auth-local=trust", "--auth-host=scram-sha-256"]
        command = [*_as_nobody_special(), str(self._programs / "initdb"), *words, *trust]
        made = subprocess.run(
            command, env=_ENVIRONMENT, capture_output=True, text=True, check=False, cwd="/"
        )
        if made.returncode:
            raise NoPostgresql(f"initdb failed: {made.stderr.strip()}")

    def _command(self) -> list[str]:
        settings = {
            "listen_addresses": "127.0.0.1",
            "unix_socket_directories": str(self._directory),
            "dynamic_shared_memory_type": "mmap",  # its own files, which go with the directory
            "max_connections": "200",
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        options = [word for item in settings.items() for word in ("-c", "=".join(item))]
        data = ["-D", str(self._directory / "data"), "-p", str(self.port)]
        return [str(self._programs / "postgres"), *data, *options]

    def _answers(self) -> bool:
        try:
            with self._administrator("postgres") as connection:
                found = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = 'gateway'")
                if not found.fetchone():
                    word = f"CREATE ROLE {USER} LOGIN PASSWORD '{self._password}'"
                    connection.execute(word.encode())
        except psycopg.OperationalError:
            return False
        return True


def find_programs() -> Path:
    """Where `postgres` and `initdb` are, of the newest version. Raises NoPostgresql."""
    found = [path for pattern in _PLACES for path in Path("/").glob(pattern)]
    found.sort(key=lambda path: [int(part) for part in path.parts if part.isdigit()])
    on_path = shutil.which("postgres")
    if on_path:
        found.append(Path(on_path).resolve().parent)
    for path in reversed(found):
        if (path / "postgres").exists() and (path / "initdb").exists():
            return path
    raise NoPostgresql(
        "PostgreSQL's server is not installed: run `./gateway test`, which installs it, or install "
        "the package postgresql."
    )


def _as_nobody_special() -> list[str]:
    """What comes before a command that must not run as root."""
    if os.getuid() != 0:
        return []
    try:
        pwd.getpwnam(_NOBODY_SPECIAL)
    except KeyError:
        raise NoPostgresql(
            "PostgreSQL's server does not run as root, and there is no user `postgres`: install "
            "the package postgresql, which makes one."
        ) from None
    user = [f"--reuid={_NOBODY_SPECIAL}", f"--regid={_NOBODY_SPECIAL}", "--init-groups"]
    return ["setpriv", *user, "--"]
