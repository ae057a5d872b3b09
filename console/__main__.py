"""`python -m console`: the console in the foreground, with nothing but settings."""

import sys

from common.process import run_process
from console.server import run


def main() -> int:
    """Exit code 0 after a stop by signal, 78 or 1 with a sentence on stderr otherwise."""
    return run_process("console", run)


if __name__ == "__main__":
    sys.exit(main())
