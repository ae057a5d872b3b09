"""What a log line may show."""

import json
import subprocess
import sys
from pathlib import Path

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


LINES = """
import logging

from common.logs import configure_logs, get_logger
from common.settings import Settings

configure_logs(Settings(log_format="json", log_level="info"), "test")
for log in (get_logger("ours"), logging.getLogger("theirs")):
    log.debug("too little to be written")
    log.warning("it is written")
get_logger("ours").info("with values", number=7, text="ада")
print("done")
"""


REQUEST = """
import logging

from common.logs import configure_logs, get_logger
from common.settings import Settings
from common.watching.request_ids import begin_request

configure_logs(Settings(log_format="json"), "test")
begin_request([(b"x-request-id", b"shop-7")])
get_logger("ours").warning("of a request")
logging.getLogger("theirs").warning("of a request")
"""


def test_line_of_a_request_names_it_whoever_writes_it() -> None:
    outcome = subprocess.run(
        [sys.executable, "-c", REQUEST], capture_output=True, text=True, timeout=60, check=True
    )
    lines = list(map(json.loads, outcome.stderr.splitlines()))
    assert [line["request_id"] for line in lines] == ["shop-7", "shop-7"]


def test_line_has_the_same_fields_whoever_writes_it() -> None:
    outcome = subprocess.run(
        [sys.executable, "-c", LINES], capture_output=True, text=True, timeout=60, check=True
    )
    ours, theirs, valued = map(json.loads, outcome.stderr.splitlines())
    for line, name in ((ours, "ours"), (theirs, "theirs")):
        assert line.pop("timestamp").endswith("Z")
        assert line == {
            "event": "it is written",
            "level": "warning",
            "logger": name,
            "process": "test",
        }
    assert (valued["event"], valued["number"], valued["text"]) == ("with values", 7, "ада")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="only Linux has a disk that is full")
def test_nothing_fails_because_its_line_cannot_be_written() -> None:
    with open("/dev/full", "w") as full:
        outcome = subprocess.run(
            [sys.executable, "-c", LINES], stdout=subprocess.PIPE, stderr=full, text=True,
            timeout=60,
        )  # fmt: skip
    assert outcome.stdout == "done\n"
