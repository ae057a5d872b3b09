"""What comes before serving: whether the settings allow it, and the port."""

import socket

from common.http import listening
from common.http.keys import check_exposure
from common.settings import Settings
from common.tls import check_tls_files

_SETTING = "GATEWAY_API"
_OTHER_REMEDY = "set GATEWAY_API_KEY_REQUIRED=true and make keys with `gateway keys create`, "


def check_start(settings: Settings) -> None:
    """What is looked at before anything else. Raises SettingsError when no start can succeed."""
    if not settings.api_key_required:
        check_exposure(settings.api_host, settings.api_key, _SETTING, "send", _OTHER_REMEDY)
    check_tls_files(settings.broker_url)


def listen(settings: Settings) -> list[socket.socket]:
    """Sockets on the API's port. Raises GatewayError in one sentence."""
    return listening.listen(settings.api_host, settings.api_port, _SETTING)


def listen_shared(settings: Settings, shares: int) -> list[list[socket.socket]]:
    """As many times the sockets of `listen`, all on one port that is nobody else's."""
    return listening.listen_shared(settings.api_host, settings.api_port, _SETTING, shares)
