"""The email channel against mail servers that misbehave, each on a real socket."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import trustme

from common.channels import Channel
from common.envelope import Delivery
from common.settings import load_settings
from senders.email.connection import Timeouts
from senders.email.provider import EmailProvider, EmailTransmitter
from senders.outcome import Misconfigured, Outcome, Rejected, Sent, Throttled, Transient, Unknown
from tests.support.polling import eventually
from tests.support.providers.scripted_servers import Answer, Closing, Deed, ScriptedSmtp
from tests.support.queues import make_delivery

QUICK = Timeouts(connect_s=0.5, command_s=0.5, data_s=0.5)
PATIENT = Timeouts(connect_s=30, command_s=30, data_s=30)


@pytest.fixture(params=[False, True], ids=["one by one", "pipelining"])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[ScriptedSmtp]:
    script = ScriptedSmtp(is_pipelining=request.param)
    async with script.serving():
        yield script


@asynccontextmanager
async def transmitter(
    url: str, timeouts: Timeouts = PATIENT, **changes: str
) -> AsyncIterator[EmailTransmitter]:
    given = {"email_url": url, "email_from": "gateway@example.com"} | changes
    settings = load_settings({f"GATEWAY_{name.upper()}": text for name, text in given.items()})
    channel = EmailProvider(settings, timeouts)
    lane = channel.transmitter()
    try:
        yield lane
    finally:
        await lane.close()
        await channel.close()


def plain(server: ScriptedSmtp, userinfo: str = "") -> str:
    return f"smtp://{userinfo}127.0.0.1:{server.port}?starttls=no"


def mail(**changes: Any) -> Delivery:
    fields = {"channel": Channel.EMAIL, "address": "ada@example.org", "subject": "Hello"}
    return make_delivery(**fields | changes)


def verbs(server: ScriptedSmtp) -> list[str]:
    return [line.split()[0] for line in server.heard]


async def test_one_connection_carries_many_mails_and_ends_with_quit(server: ScriptedSmtp) -> None:
    async with transmitter(plain(server)) as lane:
        outcomes = [await lane.send(mail()) for _ in range(3)]

    assert all(isinstance(outcome, Sent) for outcome in outcomes)
    assert server.connections == 1
    assert verbs(server) == ["EHLO"] + ["MAIL", "RCPT", "DATA"] * 3 + ["QUIT"]


BROKEN: list[tuple[str, Answer, type[Any], str]] = [
    # before DATA nothing was sent; inside it nobody knows
    ("greeting", Closing("421 4.3.2 Busy"), Transient, "421 4.3.2"),
    ("greeting", Deed.HANG, Transient, "timeout"),
    ("greeting", "554 No SMTP service here", Misconfigured, "554"),
    ("greeting", "garbage", Transient, "garbled-reply"),
    ("EHLO", Deed.HANG, Transient, "timeout"),
    ("MAIL", Deed.DROP, Transient, "disconnected"),
    ("MAIL", Deed.HANG, Transient, "timeout"),
    ("MAIL", "550 Sender not allowed", Misconfigured, "550"),
    ("RCPT", Deed.DROP, Transient, "disconnected"),
    ("RCPT", Deed.HANG, Transient, "timeout"),
    ("RCPT", "what is this", Transient, "garbled-reply"),
    ("RCPT", "451 4.7.0 Slow down", Throttled, "451 4.7.0"),
    ("RCPT", Closing("421 4.3.2 Closing"), Transient, "421 4.3.2"),
    ("DATA", "554 5.7.1 Spam", Rejected, "554 5.7.1"),
    ("DATA", Deed.DROP, Unknown, "disconnected"),
    (".", Deed.DROP, Unknown, "disconnected"),
    (".", Deed.HANG, Unknown, "timeout"),
    (".", "what is this", Unknown, "garbled-reply"),
    (".", "452 4.3.1 Disk full", Transient, "452 4.3.1"),
]


@pytest.mark.parametrize(("command", "answer", "kind", "code"), BROKEN)
async def test_broken_session_has_its_outcome_and_the_next_mail_goes_through(
    server: ScriptedSmtp, command: str, answer: Answer, kind: type[Any], code: str
) -> None:
    server.say(command, answer)
    async with transmitter(plain(server), QUICK if answer is Deed.HANG else PATIENT) as lane:
        outcome = await lane.send(mail())
        again = await lane.send(mail())

    assert isinstance(outcome, kind), outcome
    assert outcome.code == code
    assert isinstance(again, Sent), again


async def test_connection_dropped_before_the_login_is_tried_again(server: ScriptedSmtp) -> None:
    server.say("greeting", Deed.DROP, Deed.DROP)
    async with transmitter(plain(server)) as lane:
        outcome = await lane.send(mail())

    assert isinstance(outcome, Sent), outcome
    assert server.connections == 3


async def test_refused_connection_is_transient_within_seconds() -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    async with transmitter(f"smtp://127.0.0.1:{port}?starttls=no") as lane:
        outcome = await lane.send(mail())

    assert (type(outcome), outcome.code) == (Transient, "connect")
    assert loop.time() - started_at < 15


@pytest.mark.parametrize("idle_close", ["cut", "421", "silence"])
async def test_connection_closed_while_idle_is_replaced(
    server: ScriptedSmtp, idle_close: str
) -> None:
    timeouts = QUICK if idle_close == "silence" else PATIENT
    async with transmitter(plain(server), timeouts) as lane:
        await lane.send(mail())
        if idle_close == "cut":
            server.cut()
        else:
            server.say("MAIL", Closing("421 4.4.2 Idle") if idle_close == "421" else Deed.HANG)
        outcome = await lane.send(mail())

    assert isinstance(outcome, Sent), outcome
    assert server.connections == 2
    assert len(server.mails) == 2


async def test_mail_cut_inside_data_is_not_sent_again_by_itself(server: ScriptedSmtp) -> None:
    async with transmitter(plain(server)) as lane:
        await lane.send(mail())
        server.say(".", Deed.DROP)
        outcome = await lane.send(mail())

    assert isinstance(outcome, Unknown)
    assert outcome.resend
    assert len(server.mails) == 2


async def test_resent_mail_has_the_same_bytes(server: ScriptedSmtp) -> None:
    server.say(".", Deed.DROP)
    delivery = mail(text="Привет", html="<p>Привет</p>")
    async with transmitter(plain(server)) as lane:
        await lane.send(delivery)
        await lane.send(delivery)

    first, second = server.mails
    assert first == second


async def test_refusal_keeps_the_connection_and_resets_before_the_next(
    server: ScriptedSmtp,
) -> None:
    server.say("RCPT", "550 5.1.1 No such user")
    async with transmitter(plain(server)) as lane:
        outcome = await lane.send(mail())
        await lane.send(mail())

    assert (type(outcome), outcome.code) == (Rejected, "550 5.1.1")
    assert server.connections == 1
    said = [verb for verb in verbs(server) if verb != "DATA"]  # which may be said before the answer
    assert said[:4] == ["EHLO", "MAIL", "RCPT", "RSET"]


@pytest.mark.parametrize("answer", [Deed.DROP, "421 4.4.2 Bye", "502 What?"])
async def test_failed_reset_only_costs_a_new_connection(
    server: ScriptedSmtp, answer: Answer
) -> None:
    server.say("RCPT", "550 5.1.1 No such user")
    server.say("RSET", answer)
    async with transmitter(plain(server)) as lane:
        await lane.send(mail())
        outcome = await lane.send(mail())

    assert isinstance(outcome, Sent), outcome
    assert server.connections == 2


async def test_server_that_does_not_understand_gets_one_more_connection(
    server: ScriptedSmtp,
) -> None:
    server.say("MAIL", "503 5.5.1 Bad sequence")
    async with transmitter(plain(server)) as lane:
        once = await lane.send(mail())
        server.say("MAIL", "503 5.5.1 Bad sequence", "503 5.5.1 Bad sequence")
        twice = await lane.send(mail())

    assert isinstance(once, Sent), once
    assert (type(twice), twice.code) == (Misconfigured, "503 5.5.1")


async def test_wrong_password_is_tried_once_and_never_shown(server: ScriptedSmtp) -> None:
    server.say("AUTH", "535 5.7.8 Wrong: s3cret")
    async with transmitter(plain(server, "ada:s3cret@")) as lane:
        outcome = await lane.send(mail())
        await eventually(lambda: not server.open_connections)

    assert isinstance(outcome, Misconfigured)
    assert verbs(server) == ["EHLO", "AUTH"]
    assert "s3cret" not in outcome.message


async def test_server_that_hangs_up_on_the_login_is_asked_once(server: ScriptedSmtp) -> None:
    server.say("AUTH", Deed.DROP)
    async with transmitter(plain(server, "ada:s3cret@")) as lane:
        outcome = await lane.send(mail())

    assert isinstance(outcome, Transient)
    assert server.connections == 1


@pytest.mark.parametrize(
    ("mechanism", "ehlo", "kind"),
    [
        ("login", None, Sent),
        ("cram-md5", None, Misconfigured),
        ("plain", "250-script\r\n250 SIZE", Misconfigured),
    ],
)
async def test_only_the_pinned_login_is_used(
    server: ScriptedSmtp, mechanism: str, ehlo: str | None, kind: type[Any]
) -> None:
    if ehlo:
        server.say("EHLO", ehlo)
    server.say("AUTH", *(["334 UGFzc3dvcmQ6"] if mechanism == "login" else []))
    server.say("C2VJCMV0", "235 2.7.0 Accepted")  # the password in base64, as a command's name
    async with transmitter(plain(server, "ada:secret@"), email_auth=mechanism) as lane:
        outcome = await lane.send(mail())

    assert isinstance(outcome, kind), outcome
    logins = [line for line in server.heard if line.startswith("AUTH")]
    assert [login.split()[1].lower() for login in logins] == [mechanism] * (kind is Sent)


async def test_smtputf8_address_needs_a_server_that_takes_it(server: ScriptedSmtp) -> None:
    async with transmitter(plain(server)) as lane:
        refused = await lane.send(mail(address="ада@example.org"))
        ordinary = await lane.send(mail())
    server.say("EHLO", "250-script\r\n250 SMTPUTF8")
    async with transmitter(plain(server)) as lane:
        taken = await lane.send(mail(address="ада@почта.рф"))

    assert (type(refused), refused.code) == (Rejected, "smtputf8")
    assert isinstance(ordinary, Sent)
    assert isinstance(taken, Sent)
    assert "RCPT TO:<ада@xn--80a1acny.xn--p1ai>" in server.heard


async def test_cancelled_send_leaves_a_transmitter_that_works(server: ScriptedSmtp) -> None:
    server.say(".", Deed.HANG)
    async with transmitter(plain(server)) as lane:
        sending = asyncio.create_task(lane.send(mail()))
        await eventually(lambda: server.mails)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        outcome = await lane.send(mail())

    assert isinstance(outcome, Sent), outcome
    assert server.connections == 2


async def test_cancelled_connect_passes_through_its_retries(server: ScriptedSmtp) -> None:
    server.say("greeting", Deed.HANG)
    async with transmitter(plain(server)) as lane:
        sending = asyncio.create_task(lane.send(mail()))
        await eventually(lambda: server.connections)
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
    assert server.connections == 1


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def _tls(authority: trustme.CA, name: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


TLS: list[tuple[str, str, bool, type[Any], str]] = [
    ("smtp", "localhost", True, Sent, "250"),
    ("smtps", "localhost", True, Sent, "250"),
    ("smtp", "localhost", False, Misconfigured, "tls"),  # signed by nobody we know
    ("smtps", "localhost", False, Misconfigured, "tls"),
    ("smtp", "mail.example.org", True, Misconfigured, "tls"),  # another server's certificate
    ("smtps", "mail.example.org", True, Misconfigured, "tls"),
]


@pytest.mark.parametrize(("scheme", "name", "is_trusted", "kind", "code"), TLS)
async def test_certificate_decides(
    authority: trustme.CA,
    tmp_path: Path,
    scheme: str,
    name: str,
    is_trusted: bool,
    kind: type[Any],
    code: str,
) -> None:
    ca_file = tmp_path / "ca.pem"
    (authority if is_trusted else trustme.CA()).cert_pem.write_to_path(str(ca_file))
    tls = _tls(authority, name)
    server = ScriptedSmtp(starttls=tls)
    url = f"{scheme}://ada:secret@localhost:{{}}"
    async with server.serving(tls=tls if scheme == "smtps" else None):
        url = url.format(server.port)
        async with transmitter(url, email_ca_file=str(ca_file)) as lane:
            outcome = await lane.send(mail())

    assert (type(outcome), outcome.code) == (kind, code), outcome
    if kind is Misconfigured:
        assert "AUTH" not in verbs(server)


@pytest.mark.parametrize(
    ("command", "answer", "kind", "code"),
    [
        ("EHLO", "250-script\r\n250 AUTH PLAIN", Misconfigured, "not-offered"),
        ("STARTTLS", "454 4.7.0 TLS not available", Transient, "454 4.7.0"),
        ("STARTTLS", Closing("220 2.0.0 Ready"), Transient, "disconnected"),
    ],
)
async def test_password_is_not_sent_without_tls(
    server: ScriptedSmtp, command: str, answer: Answer, kind: type[Outcome], code: str
) -> None:
    server.say(command, *[answer] * 3)  # a broken handshake is tried three times
    async with transmitter(f"smtp://ada:secret@localhost:{server.port}") as lane:
        outcome = await lane.send(mail())

    assert (type(outcome), outcome.code) == (kind, code), outcome
    assert "AUTH" not in verbs(server)


async def test_server_that_speaks_no_tls_is_a_wrong_setting(server: ScriptedSmtp) -> None:
    async with transmitter(f"smtps://ada:secret@localhost:{server.port}") as lane:
        outcome = await lane.send(mail())

    assert (type(outcome), outcome.code) == (Misconfigured, "tls"), outcome
