"""The doctor's look at what is at hand: settings, the disk, and what others say of the time."""

import shutil
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from admin.doctor.start import start_faults
from broker_topology.rights import API, CONSOLE, JOURNAL, sender
from common.channels import FACTS, Channel, is_setting_of
from common.given import passed_over
from common.settings import Settings, unknown_settings
from common.watching.finding import ClockReading, Finding, ok, skipped, wrong

FREE_DISK_BYTES = 500_000_000
CLOCK_OFF_S = 30.0

_TLS_FROM_START_PORT = 465
_STARTTLS_PORTS = (25, 587)


def configured_channels(settings: Settings) -> list[Channel]:
    """The channels that have credentials."""
    return [
        channel
        for channel, facts in FACTS.items()
        if getattr(settings, facts.credential) is not None
    ]


def configured_roles(settings: Settings) -> list[str]:
    """The processes that these settings are for; of senders those of configured channels."""
    return [API, CONSOLE, JOURNAL, *(sender(channel) for channel in configured_channels(settings))]


def check_settings(
    settings: Settings, roles: Collection[str], file: Path | None = None
) -> list[Finding]:
    """Whether the processes of these roles would start, and do what was meant.

    file: where the settings are from, if not from the environment and `.env`.
    """
    told = [skipped("settings", sentence) for sentence in passed_over(file)]
    if faults := settings_faults(settings, roles, file):
        return told + [wrong("settings", fault) for fault in faults]
    return [
        *told,
        ok("settings", "all known, no two contradict each other, every process would start"),
    ]


def settings_faults(
    settings: Settings, roles: Collection[str], file: Path | None = None
) -> list[str]:
    """A sentence for each setting that nobody reads, contradicts another or prevents a start."""
    unknown = unknown_settings(file=file)
    return [*unknown, *contradictions(settings), *start_faults(settings, roles)]


def contradictions(settings: Settings) -> Iterator[str]:
    """A sentence for each that a process would start with, and somebody would regret."""
    for channel, facts in FACTS.items():
        yield from _unused(settings, channel, facts.credential)
        if not any(settings.lanes(channel).values()):
            yield (
                f"GATEWAY_{channel.upper()}_LANES has no lane at all: nothing of this channel "
                "would ever be sent; give at least one priority a lane"
            )
    yield from _retries(settings)
    if settings.email_url is not None:
        yield from _email_port(settings.email_url.get_secret_value())


def check_disk(directory: Path, free_bytes: int | None = None) -> Finding:
    """Whether there is room where runs on this machine write; free_bytes: asked for if None."""
    if free_bytes is None:
        there = directory if directory.exists() else directory.parent
        try:
            free_bytes = shutil.disk_usage(there).free
        except OSError as error:
            return wrong("disk", f"{there} cannot be read: {error.strerror}; make it readable")
    room = f"{free_bytes / 1e9:.1f} GB free for {directory}"
    if free_bytes < FREE_DISK_BYTES:
        return wrong("disk", f"only {room}: free at least {FREE_DISK_BYTES / 1e9:.1f} GB")
    return ok("disk", room)


def check_clock(readings: Sequence[ClockReading]) -> Finding:
    """This machine's clock against what others say of the time."""
    if not readings:
        return skipped("clock", "not compared: no one who answered told the time")
    off = [reading for reading in readings if abs(reading.ahead_s) > CLOCK_OFF_S]
    if off:
        worst = max(off, key=lambda reading: abs(reading.ahead_s))
        way = "behind" if worst.ahead_s > 0 else "ahead of"
        return wrong(
            "clock",
            f"this machine's clock is {abs(worst.ahead_s):.0f} s {way} that of {worst.source}: "
            "set the time and keep it with NTP",
        )
    sources = " and ".join(dict.fromkeys(reading.source for reading in readings))
    return ok("clock", f"agrees with {sources} within {CLOCK_OFF_S:.0f} s")


def _unused(settings: Settings, channel: Channel, credentials: str) -> Iterator[str]:
    """Settings of a channel that say how to send, while its credentials are missing."""
    if getattr(settings, credentials) is not None:
        return
    given = sorted(
        name
        for name in settings.model_fields_set
        if is_setting_of(channel, name) and not name.endswith(("_lanes", "_rate"))
    )
    if given:
        names = ", ".join(f"GATEWAY_{name.upper()}" for name in given)
        yield (
            f"{names} {'is' if len(given) == 1 else 'are'} set, but "
            f"GATEWAY_{credentials.upper()} is not: the channel {channel} cannot send; set that "
            f"too, or remove {names}"
        )


def _retries(settings: Settings) -> Iterator[str]:
    first_s, total_s = settings.retry_delays[0], sum(settings.retry_delays)
    if first_s >= settings.expires_in_s:
        yield (
            f"GATEWAY_EXPIRES_IN_S is {settings.expires_in_s} s, no more than the first of "
            f"GATEWAY_RETRY_DELAYS ({first_s:g} s): nothing would be tried twice; raise the one or "
            "lower the other"
        )
    elif total_s > settings.expires_in_s and "retry_delays" in settings.model_fields_set:
        yield (
            f"GATEWAY_RETRY_DELAYS add up to {total_s:g} s, but notifications expire after "
            f"{settings.expires_in_s} s (GATEWAY_EXPIRES_IN_S): the last tries would never come; "
            "drop the last delays or raise the expiry"
        )


def _email_port(url: str) -> Iterator[str]:
    try:
        scheme, port = urlsplit(url).scheme, urlsplit(url).port
    except ValueError:
        return  # the check of the mail server says so
    if scheme == "smtp" and port == _TLS_FROM_START_PORT:
        yield (
            "GATEWAY_EMAIL_URL has smtp:// with port 465, where TLS begins at once: write smtps://"
        )
    if scheme == "smtps" and port in _STARTTLS_PORTS:
        yield (
            f"GATEWAY_EMAIL_URL has smtps:// with port {port}, where TLS begins by STARTTLS: "
            "write smtp://"
        )
