"""Runs the sandbox in the foreground: python -m deploy.sandbox."""

import argparse
import asyncio
import json
import logging
import os
import signal
import ssl
import sys
from pathlib import Path

from deploy.local.stack import sandbox_settings
from deploy.sandbox.server import Sandbox
from senders.simulator.faults import magic_table


def main(argv: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT and return the exit code: 0, or 1 when it cannot listen."""
    parser = _parser()
    options = parser.parse_args(argv)
    try:
        tls = _load_tls(options.certificate, options.key)
    except OSError as error:
        parser.error(f"the certificate {options.certificate} cannot be used: {error}")
    # aiosmtpd warns about its own use of a deprecated attribute at every login.
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    try:
        asyncio.run(_serve(options.host, options.smtp_port, options.http_port, tls))
    except OSError as error:
        reason = os.strerror(error.errno or 0).lower()
        print(
            f"gateway: the sandbox cannot start on {options.host} (SMTP port {options.smtp_port}, "
            f"HTTP port {options.http_port}): {reason}; choose other "
            "ports, or 0 for free ones",
            file=sys.stderr,
        )
        return 1
    return 0


async def _serve(host: str, smtp_port: int, http_port: int, tls: ssl.SSLContext | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Sandbox.running(host, smtp_port, http_port, tls) as sandbox:
        ports = {"smtp_port": sandbox.smtp_port, "http_port": sandbox.http_port}
        said = _told(**ports) if sys.stdout.isatty() else json.dumps(ports)
        print(said, flush=True)
        await stop.wait()


def _told(smtp_port: int, http_port: int) -> str:
    """What a person needs to know; a program reads the ports as JSON."""
    settings = sandbox_settings(smtp_port, http_port).items()
    return "\n".join(
        [
            f"Inbox     http://127.0.0.1:{http_port}/",
            "Settings  for .env, that send every channel here (webhooks to /webhook/…):",
            *(f"          {name}={value}" for name, value in settings),
            "Ctrl-C stops it.",
        ]
    )


def _load_tls(certificate: Path | None, key: Path | None) -> ssl.SSLContext | None:
    if certificate is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)
    return context


def _parser() -> argparse.ArgumentParser:
    rows = [f"  {a:9} {b:24} {c:16} {d}" for a, b, c, d in magic_table()]
    parser = argparse.ArgumentParser(
        prog="python -m deploy.sandbox",
        description="Stand-in mail server, Bot API, VK API and webhooks with an inbox and faults.",
        epilog="Recipients that fail on purpose:\n" + "\n".join(rows),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on")
    parser.add_argument("--smtp-port", type=int, default=0, help="0 picks a free port")
    parser.add_argument("--http-port", type=int, default=0, help="0 picks a free port")
    parser.add_argument("--certificate", type=Path, help="PEM file; offers STARTTLS")
    parser.add_argument("--key", type=Path, help="PEM file, when not in the certificate's")
    return parser


if __name__ == "__main__":
    sys.exit(main())
