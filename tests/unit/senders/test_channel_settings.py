"""A channel that cannot work says so at start, in one sentence that names the variable."""

from pathlib import Path

import pytest

from common.errors import SettingsError
from common.settings import load_settings
from senders.email.provider import EmailProvider
from senders.endpoint import parse_api_url
from senders.process import make_provider
from tests.support.queues import make_delivery

FROM = {"email_from": "gateway@example.com"}
WRONG: list[tuple[str, dict[str, str], str]] = [
    ("email", {}, "GATEWAY_EMAIL_URL and GATEWAY_EMAIL_FROM"),
    ("email", {"email_url": "smtp://", **FROM}, "GATEWAY_EMAIL_URL must look like"),
    ("email", {"email_url": "smtp://h:99999", **FROM}, "GATEWAY_EMAIL_URL must look like"),
    ("email", {"email_url": "smtp://h/path", **FROM}, "GATEWAY_EMAIL_URL must look like"),
    ("email", {"email_url": "smtp://user@h", **FROM}, "a user but no password"),
    ("email", {"email_url": "smtp://h?starttls=no", **FROM}, "another machine"),
    ("email", {"email_url": "smtp://h?starttls=maybe", **FROM}, "only option"),
    ("email", {"email_url": "smtps://h?starttls=no", **FROM}, "only option"),
    ("email", {"email_url": "smtp://h", "email_from": "nobody"}, "GATEWAY_EMAIL_FROM"),
    ("email", {"email_url": "smtp://h", **FROM, "email_ca_file": "/none.pem"}, "/none.pem"),
    ("email", {"email_url": "smtp://[::1", **FROM}, "GATEWAY_EMAIL_URL must look like"),
    ("telegram", {}, "GATEWAY_TELEGRAM_TOKEN"),
    ("telegram", {"telegram_token": "1:a", "telegram_api_url": "api"}, "GATEWAY_TELEGRAM_API_URL"),
    ("vk", {}, "GATEWAY_VK_TOKEN"),
    ("vk", {"vk_token": "a", "vk_api_url": "ftp://h"}, "GATEWAY_VK_API_URL"),
]


def given(changes: dict[str, str]) -> dict[str, str]:
    return {f"GATEWAY_{name.upper()}": text for name, text in changes.items()}


@pytest.mark.parametrize(("channel", "changes", "says"), WRONG)
def test_wrong_settings_are_named(channel: str, changes: dict[str, str], says: str) -> None:
    with pytest.raises(SettingsError) as refused:
        make_provider(channel, load_settings(given(changes)))

    assert says in str(refused.value)
    assert "\n" not in str(refused.value)


def test_garbage_in_the_ca_file_is_named(tmp_path: Path) -> None:
    ca_file = tmp_path / "ca.pem"
    ca_file.write_text("not a certificate")
    changes = {"email_url": "smtp://h", "email_ca_file": str(ca_file), **FROM}

    with pytest.raises(SettingsError, match=r"ca\.pem, which holds no certificate in PEM form;"):
        make_provider("email", load_settings(given(changes)))


@pytest.mark.parametrize("channel", ["telegram", "vk"])
@pytest.mark.parametrize("proxy", ["socks5://h:1", "ftp://h", "http://[::1", "h:port", "http://"])
def test_proxy_that_cannot_be_used_is_named(
    channel: str, proxy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    with pytest.raises(SettingsError, match="HTTPS_PROXY cannot be used; write http://host:port"):
        make_provider(channel, load_settings(given({f"{channel}_token": "1:a"})))


def test_password_is_in_no_message() -> None:
    url = "smtp://user:s3cret@mail.example.com?starttls=no"

    with pytest.raises(SettingsError) as refused:
        EmailProvider(load_settings(given({"email_url": url, **FROM})))

    assert "s3cret" not in str(refused.value)


def test_email_counts_against_the_recipients_domain() -> None:
    settings = load_settings(given({"email_url": "smtp://h", "email_rate": "10/s", **FROM}))

    channel = EmailProvider(settings)
    limits = channel.limits(make_delivery(address="Ada@Example.ORG"))

    assert (channel.rate, limits.recipient) == (settings.email_rate, None)
    assert limits.domain == "example.org"


async def test_telegram_counts_against_the_chat_or_group() -> None:
    settings = load_settings(given({"telegram_token": "1:a"}))
    channel = make_provider("telegram", settings)
    rates = {
        address: channel.limits(make_delivery(address=address)).recipient
        for address in ("42", "-100123", "@news")
    }
    await channel.close()

    group_rate = settings.telegram_group_rate
    assert rates == {"42": settings.telegram_chat_rate, "-100123": group_rate, "@news": group_rate}


def test_vk_counts_against_the_account_alone() -> None:
    settings = load_settings(given({"vk_token": "a"}))

    channel = make_provider("vk", settings)
    limits = channel.limits(make_delivery())

    assert (channel.rate, limits.recipient, limits.domain) == (settings.vk_rate, None, None)


@pytest.mark.parametrize(
    ("url", "is_told"),
    [
        ("https://api.telegram.org", False),
        ("HTTPS://api.vk.ru/", False),
        ("https://127.0.0.1:8025", False),
        ("http://127.0.0.1:8025", True),
        ("HTTP://sandbox:8025/", True),
    ],
)
def test_delivery_ids_are_told_over_plain_http_alone(url: str, is_told: bool) -> None:
    assert parse_api_url("GATEWAY_VK_API_URL", url).is_told_ids is is_told


def test_providers_own_addresses_are_told_no_delivery_ids() -> None:
    settings = load_settings({})
    for url in (settings.telegram_api_url, settings.vk_api_url):
        assert not parse_api_url("…", url).is_told_ids
