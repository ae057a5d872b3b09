"""`python -m gateway_api`: the API in the foreground, with nothing but settings."""

import sys

from common.process import run_process
from common.settings import Settings
from gateway_api.start import check_start, listen


def main(workers: int | None = None) -> int:
    """Exit code 0 after a stop by signal, 78 or 1 with a sentence on stderr otherwise.

    workers: how many processes serve, if it is not to be as the settings say.
    """
    return run_process("api", lambda settings: _run(settings, workers or settings.api_workers))


def _run(settings: Settings, workers: int) -> None:
    check_start(settings)
    if workers > 1:  # their parent holds nothing of the application in memory
        from gateway_api.workers import serve_with_workers

        serve_with_workers(settings, workers)
    else:
        from gateway_api.server import serve

        serve(settings, listen(settings))


if __name__ == "__main__":
    sys.exit(main())
