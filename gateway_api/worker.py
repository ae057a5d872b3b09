"""`python -m gateway_api.worker`: one of several processes of the API; `workers.py` starts it.

Arguments: the descriptor of its lifeline, and those of its listening sockets.
"""

import signal
import socket
import sys

from common.process import run_process
from common.settings import Settings


def main() -> int:
    """Exit code 0 after a stop, else that of a start that failed."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # until it serves, Ctrl-C ends it without a word
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGINT])
    lifeline, *sockets = (socket.socket(fileno=int(number)) for number in sys.argv[1:])

    def serve(settings: Settings) -> None:
        from gateway_api.server import serve_share

        serve_share(settings, sockets, lifeline)

    return run_process("api", serve)


if __name__ == "__main__":
    sys.exit(main())
