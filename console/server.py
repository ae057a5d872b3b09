"""Running the console in the foreground."""

from common.errors import SettingsError
from common.http.connections import Limits, raise_descriptor_limit
from common.http.keys import check_exposure, is_only_here
from common.http.listening import listen
from common.http.server import serve
from common.logs import get_logger
from common.settings import Settings
from common.tls import check_tls_files
from console.app import create_app
from console.walks import Walks

log = get_logger(__name__)

# A few people and their pages. A client that has nothing to ask may stay as long as at the API.
_CONNECTIONS, _PER_CLIENT = 256, 192
_MESSAGE_BYTES = 1 << 18  # from a browser: the longest is a form with its whole content


def run(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; walks through queues end at the letter they are at.

    Raises GatewayError when the port cannot be listened on, SettingsError without a needed key.
    """
    check_start(settings)
    raise_descriptor_limit()
    sockets = listen(settings.console_host, settings.console_port, "GATEWAY_CONSOLE")
    log.info("console listening", host=settings.console_host, port=sockets[0].getsockname()[1])
    walks = Walks(settings.broker_url, settings.publish_timeout_s)
    limits = Limits(
        connections=_CONNECTIONS,
        per_client=_PER_CLIENT,
        header_timeout_s=settings.api_header_timeout_s,
        idle_timeout_s=settings.api_idle_timeout_s,
    )
    app = create_app(settings, walks)
    serve(
        app,
        sockets,
        limits,
        settings.stop_timeout_s,
        on_stop=walks.stop,
        websocket_paths=app.state.websocket_paths,
        message_bytes=_MESSAGE_BYTES,
    )
    log.info("console stopped")


def check_start(settings: Settings) -> None:
    """What is looked at before anything else. Raises SettingsError when no start can succeed."""
    what = "read what failed and send it again"
    check_exposure(settings.console_host, settings.console_key, "GATEWAY_CONSOLE", what)
    if not settings.console_sign_in and not is_only_here(settings.console_host, "GATEWAY_CONSOLE"):
        raise SettingsError(
            "GATEWAY_CONSOLE_SIGN_IN is no, which makes everybody an administrator, but "
            f"GATEWAY_CONSOLE_HOST is {settings.console_host!r}: remove the first, or listen on "
            "127.0.0.1"
        )
    check_tls_files(settings.broker_url)
