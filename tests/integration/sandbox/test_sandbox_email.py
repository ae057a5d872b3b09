"""The stand-in mail server, driven by aiosmtplib."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from email.message import EmailMessage

import aiosmtplib
import pytest
import trustme

from common.channels import Channel
from deploy.sandbox import Sandbox

DELIVERY_ID = "0190163d-8694-739b-aea5-966c26f8ad90-1"


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[aiosmtplib.SMTP]:
    smtp = _client(sandbox)
    await smtp.connect()
    yield smtp
    smtp.close()


def _client(sandbox: Sandbox) -> aiosmtplib.SMTP:
    return aiosmtplib.SMTP(
        hostname=sandbox.host, port=sandbox.smtp_port, timeout=30, start_tls=False
    )


def _mail(recipient: str, message_id: str | None = f"<{DELIVERY_ID}@example.com>") -> EmailMessage:
    mail = EmailMessage()
    mail["From"] = "gateway@example.com"
    mail["To"] = recipient
    mail["Subject"] = "Заказ отправлен"
    if message_id:
        mail["Message-ID"] = message_id
    mail.set_content("Hello\n")
    mail.add_alternative("<p>Hello</p>", subtype="html")
    return mail


async def _refusal(client: aiosmtplib.SMTP, recipient: str) -> str:
    """Return the reply that refused one try, "" for an accepted one."""
    try:
        await client.send_message(_mail(recipient))
    except aiosmtplib.SMTPRecipientsRefused as error:
        return f"{error.recipients[0].code} {error.recipients[0].message}"
    except aiosmtplib.SMTPResponseException as error:
        return f"{error.code} {error.message}"
    return ""


async def test_accepted_mail_is_in_the_inbox_with_its_parts(
    sandbox: Sandbox, client: aiosmtplib.SMTP
) -> None:
    await client.send_message(_mail("ada@example.com"))

    (entry,) = sandbox.inbox.entries("email", "ada@example.com")
    assert entry.subject == "Заказ отправлен"
    assert entry.text == "Hello\n"
    assert entry.html == "<p>Hello</p>\n"
    assert entry.delivery_id == DELIVERY_ID
    assert ("To", "ada@example.com") in entry.headers


@pytest.mark.parametrize(
    ("header", "delivery_id"), [(None, None), ("X-Gateway-Delivery", "another-2")]
)
async def test_delivery_id_is_found_only_where_it_is_said(
    sandbox: Sandbox, client: aiosmtplib.SMTP, header: str | None, delivery_id: str | None
) -> None:
    mail = _mail("ada@example.com", message_id="<someone@elsewhere>")
    if header:
        mail[header] = delivery_id
    await client.send_message(mail)

    assert sandbox.inbox.entries()[0].delivery_id == delivery_id


async def test_address_beyond_ascii_is_accepted(sandbox: Sandbox, client: aiosmtplib.SMTP) -> None:
    await client.send_message(_mail("ада@example.com"))

    assert sandbox.inbox.entries()[0].recipient == "ада@example.com"


async def test_extensions_are_announced(client: aiosmtplib.SMTP) -> None:
    await client.ehlo()
    for extension in ("size", "8bitmime", "smtputf8", "enhancedstatuscodes", "auth"):
        assert client.supports_extension(extension)


async def test_library_replies_carry_enhanced_codes(client: aiosmtplib.SMTP) -> None:
    await client.ehlo()
    reply = await client.execute_command(b"RCPT TO:<ada@example.com>")
    assert (reply.code, reply.message[:5]) == (503, "5.5.1")


@pytest.mark.parametrize("mechanism", ["auth_plain", "auth_login"])
async def test_login_needs_the_sandbox_password(client: aiosmtplib.SMTP, mechanism: str) -> None:
    await client.ehlo()
    with pytest.raises(aiosmtplib.SMTPAuthenticationError) as refused:
        await getattr(client, mechanism)("ada", "wrong")
    assert (refused.value.code, refused.value.message[:5]) == (535, "5.7.8")

    reply = await getattr(client, mechanism)("ada", "sandbox")
    assert reply.code == 235


async def test_starttls_with_a_certificate() -> None:
    authority = trustme.CA()
    server_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server_tls)
    client_tls = ssl.create_default_context()
    authority.configure_trust(client_tls)

    async with Sandbox.running(tls=server_tls) as sandbox:
        smtp = aiosmtplib.SMTP(
            hostname="localhost",
            port=sandbox.smtp_port,
            start_tls=True,
            tls_context=client_tls,
            timeout=5,
        )
        async with smtp:
            await smtp.login("ada", "sandbox")
            await smtp.send_message(_mail("ada@example.com"))
        assert len(sandbox.inbox.entries()) == 1


@pytest.mark.parametrize(
    ("local_part", "replies"),
    [
        ("bounce+1", ["550 5.1.1", "550 5.1.1"]),
        ("full+1", ["452 4.2.2", "452 4.2.2"]),
        ("spam+1", ["550 5.7.1", "550 5.7.1"]),
        ("grey+1", ["451 4.7.1", "", ""]),
        ("Twice+1", ["451 4.3.0", "451 4.3.0", "", ""]),
        ("twice", ["", ""]),
    ],
)
async def test_magic_recipient_refuses_as_its_name_says(
    sandbox: Sandbox, client: aiosmtplib.SMTP, local_part: str, replies: list[str]
) -> None:
    address = f"{local_part}@example.com"

    met = [(await _refusal(client, address))[:9] for _ in replies]

    assert met == replies
    assert len(sandbox.inbox.entries("email", address)) == replies.count("")
    codes = [one.code for one in sandbox.inbox.attempts("email", address)]
    assert codes == [reply or "250 2.0.0" for reply in replies]


async def test_magic_is_counted_for_each_address(sandbox: Sandbox, client: aiosmtplib.SMTP) -> None:
    assert await _refusal(client, "grey+1@example.com")
    assert await _refusal(client, "grey+2@example.com")
    assert not await _refusal(client, "grey+1@example.com")


async def test_dropped_after_acceptance_makes_a_counted_duplicate(
    sandbox: Sandbox, client: aiosmtplib.SMTP
) -> None:
    mail = _mail("dropafter+1@example.com")
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await client.send_message(mail)
    assert sandbox.inbox.duplicates == 0

    async with _client(sandbox) as again:
        await again.send_message(mail)

    first, second = sandbox.inbox.entries("email", "dropafter+1@example.com")
    assert second.duplicate_of == first.n
    assert sandbox.inbox.duplicates == 1


async def test_same_text_under_another_message_id_is_no_duplicate(
    sandbox: Sandbox, client: aiosmtplib.SMTP
) -> None:
    await client.send_message(_mail("ada@example.com", "<1@example.com>"))
    await client.send_message(_mail("ada@example.com", "<2@example.com>"))

    assert sandbox.inbox.duplicates == 0


async def test_slow_recipient_is_accepted_after_three_seconds(
    sandbox: Sandbox, client: aiosmtplib.SMTP
) -> None:
    loop = asyncio.get_running_loop()
    started_at = loop.time()
    await client.send_message(_mail("slow+1@example.com"))
    assert 2.9 < loop.time() - started_at < 5
    assert len(sandbox.inbox.entries()) == 1


async def test_slow_mail_is_accepted_though_the_client_gave_up(
    sandbox: Sandbox, client: aiosmtplib.SMTP
) -> None:
    sandbox.faults.fail_next(Channel.EMAIL, "slow")
    with pytest.raises(aiosmtplib.SMTPReadTimeoutError):
        await client.send_message(_mail("ada@example.com"), timeout=1.0)
    client.close()

    await sandbox.inbox.wait_for(1, "email", "ada@example.com", timeout_s=30)


async def test_reset_before_acceptance_leaves_nothing(
    sandbox: Sandbox, client: aiosmtplib.SMTP
) -> None:
    sandbox.faults.fail_next(Channel.EMAIL, "reset_before")
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await client.send_message(_mail("ada@example.com"))

    assert sandbox.inbox.entries() == []
    assert [one.verdict for one in sandbox.inbox.attempts()] == ["dropped"]


async def test_hanging_server_has_accepted(sandbox: Sandbox, client: aiosmtplib.SMTP) -> None:
    sandbox.faults.fail_next(Channel.EMAIL, "accept_then_hang")
    with pytest.raises(aiosmtplib.SMTPReadTimeoutError):
        await client.send_message(_mail("ada@example.com"), timeout=1.0)

    assert len(sandbox.inbox.entries()) == 1


@pytest.mark.parametrize(
    ("fault", "reply"),
    [
        ("rate_limit", "451 4.7.0"),
        ("refuse", "451 4.3.0"),
        ("greylist", "451 4.7.1"),
        ("mailbox_full", "452 4.2.2"),
        ("bounce", "550 5.1.1"),
        ("blocked", "550 5.2.1"),
        ("spam", "550 5.7.1"),
    ],
)
async def test_next_two_are_refused_with_the_fault(
    sandbox: Sandbox, client: aiosmtplib.SMTP, fault: str, reply: str
) -> None:
    sandbox.faults.fail_next(Channel.EMAIL, fault, count=2)
    met = [(await _refusal(client, "ada@example.com"))[:9] for _ in range(3)]
    assert met == [reply, reply, ""]


async def test_server_error_says_421_and_closes(sandbox: Sandbox, client: aiosmtplib.SMTP) -> None:
    sandbox.faults.fail_next(Channel.EMAIL, "server_error")
    await client.ehlo()
    await client.mail("gateway@example.com")
    with pytest.raises(aiosmtplib.SMTPRecipientRefused) as refused:
        await client.rcpt("ada@example.com")
    assert (refused.value.code, refused.value.message[:5]) == (421, "4.3.2")
    with pytest.raises(aiosmtplib.SMTPServerDisconnected):
        await client.noop()


async def test_bad_auth_strikes_a_login_and_a_sender_without_one(
    sandbox: Sandbox, client: aiosmtplib.SMTP
) -> None:
    sandbox.faults.fail_next(Channel.EMAIL, "bad_auth", count=2)
    await client.ehlo()
    with pytest.raises(aiosmtplib.SMTPAuthenticationError):
        await client.auth_plain("ada", "sandbox")
    assert (await _refusal(client, "ada@example.com")).startswith("530 5.7.0")
    assert await _refusal(client, "ada@example.com") == ""
