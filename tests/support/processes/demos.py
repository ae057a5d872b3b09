"""`gateway demo` as a newcomer runs it."""

import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from tests.support.polling import until

DEMO: Final = (sys.executable, "-P", "-m", "admin", "demo")


@contextmanager
def started_demo(
    environment: Mapping[str, str], output: Path, words: str, before: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """A demo that has come as far as to say these words; killed at the end if it still runs."""
    with output.open("w") as sink:
        demo = subprocess.Popen(
            [*before, *DEMO], env=environment, cwd=output.parent, stdout=sink, stderr=sink
        )
    try:
        until(lambda: words in output.read_text() or demo.poll() is not None, 200)
        assert demo.poll() is None, output.read_text()
        yield demo
    finally:
        demo.kill()
        demo.wait()
