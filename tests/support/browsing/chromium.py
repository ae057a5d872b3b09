"""A real browser without a window: one for a run."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_WITH_US = ("setpriv", "--pdeathsig", "KILL")  # it ends also when who started it is killed
_OPTIONS = (
    "--headless",
    "--no-sandbox",  # it does not start as root with one
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    # with a mouse
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,"
    "primaryPointerType=4,availablePointerTypes=4",
    # a window that is behind another one is as quick
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    # pages of its own that it loads for each new window, for an address bar that nobody sees:
    # half of what a window costs
    "--disable-features=WebUIOmniboxPopup,WebUIOmniboxAimPopup,WebUIOmniboxFullPopup",
    "--remote-debugging-port=0",
)


def find_chromium() -> str | None:
    """Where the browser is: if it can be, Chromium without what only a window shows."""
    # Debian's word for it in PATH is a script, which would be killed in the browser's place.
    programs = ("/usr/lib/chromium/chromium-headless-shell", "chromium", "chromium-browser")
    return next(filter(None, map(shutil.which, programs)), None)


@contextmanager
def running_chromium(program: str, profile: Path) -> Iterator[str]:
    """The address of a browser's debugging port; it ends with the block."""
    process = subprocess.Popen(
        [*_WITH_US, program, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
    )
    assert process.stderr is not None
    try:
        for line in process.stderr:
            if found := re.search(rb"DevTools listening on ws://([^/]+)/", line):
                break
        else:
            raise AssertionError("the browser did not start")
        yield f"http://{found[1].decode()}"
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
