"""The tests' own PostgreSQL leaves nothing behind, and its absence is a sentence."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from tests.support.polling import until
from tests.support.processes import postgresql
from tests.support.processes.postgresql import NoPostgresql, Postgresql, find_programs

HOLD = """
import sys, time
from tests.support.processes.postgresql import Postgresql
with Postgresql.running() as server:
    print(server.port, server.log_file.parent, flush=True)
    time.sleep(60)
"""


def refuses(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


def test_server_of_a_killed_run_goes_with_its_files() -> None:
    command = [sys.executable, "-c", HOLD]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path.cwd()) as run:
        assert run.stdout
        port, directory = run.stdout.readline().split()
        assert not refuses(int(port))
        run.kill()
    until(lambda: refuses(int(port)) and not os.path.exists(directory))


def test_server_that_was_stopped_starts_again_with_what_it_had(
    postgresql: Postgresql, postgresql_url: str
) -> None:
    with psycopg.connect(postgresql_url) as connection:
        connection.execute("CREATE TABLE kept (number int)")
    postgresql.stop()
    assert refuses(postgresql.port)
    postgresql.start()
    with psycopg.connect(postgresql_url) as connection:
        assert connection.execute("SELECT * FROM kept").fetchall() == []


def test_machine_without_a_server_is_told_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgresql, "_PLACES", ())
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(NoPostgresql, match="install the package postgresql"):
        find_programs()
