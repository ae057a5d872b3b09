"""The doctor's look at what each process would say at its start, by the process's own code."""

from collections.abc import Callable, Collection, Iterator
from functools import partial

from broker_topology.rights import API, CONSOLE, JOURNAL, sender
from common.channels import Channel
from common.errors import SettingsError
from common.settings import Settings


def start_faults(settings: Settings, roles: Collection[str]) -> Iterator[str]:
    """A sentence for each thing that keeps one of these processes from starting, each once."""
    told: set[str] = set()
    for role, check in _checks(settings).items():
        if role not in roles:
            continue
        try:
            check()
        except SettingsError as error:
            for sentence in str(error).splitlines():
                if sentence not in told:
                    told.add(sentence)
                    yield sentence


def _checks(settings: Settings) -> dict[str, Callable[[], None]]:
    """Role → what its process does before anything else; its code is loaded only to be asked."""
    return {
        API: partial(_check_api, settings),
        CONSOLE: partial(_check_console, settings),
        JOURNAL: partial(_check_journal, settings),
        **{sender(one): partial(_check_sender, one, settings) for one in Channel},
    }


def _check_api(settings: Settings) -> None:
    from gateway_api.start import check_start

    check_start(settings)


def _check_console(settings: Settings) -> None:
    from console.server import check_start

    check_start(settings)


def _check_journal(settings: Settings) -> None:
    from journal.process import check_start

    check_start(settings)


def _check_sender(channel: Channel, settings: Settings) -> None:
    from senders.process import check_start

    check_start(channel, settings)
