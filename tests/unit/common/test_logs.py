"""What a log line may show."""

import subprocess
import sys

import pytest

CRASH = """
import logging
import sys

from common.logs import configure_logs, get_logger
from common.settings import Settings

configure_logs(Settings(log_format=sys.argv[1]), "test")

def crash(recipient):
    text = "dear " + recipient
    raise ValueError("this is shown")

try:
    crash("ada" + "@" + "example.com")
except ValueError:
    get_logger("ours").exception("it failed")
    logging.getLogger("theirs").exception("it failed")
"""


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_traceback_shows_where_it_was_and_no_variables(log_format: str) -> None:
    outcome = subprocess.run(
        [sys.executable, "-c", CRASH, log_format],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )

    assert outcome.stderr.count("this is shown") >= 2
    assert "in crash" in outcome.stderr
    assert "ada@example.com" not in outcome.stderr
