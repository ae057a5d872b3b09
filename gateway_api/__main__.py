"""`python -m gateway_api`: the API in the foreground, with nothing but settings."""

import sys

from common.process import run_process
from gateway_api.server import run


def main() -> int:
    """Exit code 0 after a stop by signal, 78 or 1 with a sentence on stderr otherwise."""
    return run_process("api", run)


if __name__ == "__main__":
    sys.exit(main())
