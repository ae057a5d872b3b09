"""Signatures as the published library of Standard Webhooks checks them, and derived secrets."""

import base64
import time

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from common.webhooks.signing import (
    Verdict,
    check_signature,
    derive_key,
    read_secret,
    read_secrets,
    signed_headers,
    write_secret,
)

OLD, NEW, OTHER = (bytes([number]) * 32 for number in range(3))
BODY = '{"text": "Привет"}'.encode()
NOW = 1_800_000_000


def test_published_library_takes_the_signature() -> None:
    headers = signed_headers("0198f3a4-1", int(time.time()), BODY, [NEW])
    assert Webhook(write_secret(NEW)).verify(BODY, headers) == {"text": "Привет"}
    with pytest.raises(WebhookVerificationError):
        Webhook(write_secret(OTHER)).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(write_secret(NEW)).verify(BODY + b" ", headers)


@given(st.text("abc-123", min_size=1), st.text(), st.binary(min_size=24, max_size=64))
def test_any_text_and_secret_is_signed_as_the_library_does(
    message_id: str, text: str, key: bytes
) -> None:
    body, now = text.encode(errors="replace"), int(time.time())
    headers = signed_headers(message_id, now, body, [key])
    Webhook(write_secret(key)).verify(body, headers, json_parse=False)
    assert check_signature(headers, body, [key], now) is Verdict.VALID


def test_both_receivers_are_served_while_a_secret_rotates() -> None:
    headers = signed_headers("1-1", int(time.time()), BODY, [NEW, OLD])
    assert headers["webhook-signature"].count("v1,") == 2
    for key in (NEW, OLD):
        Webhook(write_secret(key)).verify(BODY, headers)


def test_signature_of_the_specification() -> None:
    # The one that the published libraries have in their own tests.
    key = read_secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signed_headers(
        "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}', [key]
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def changed(**changes: str) -> dict[str, str]:
    headers = signed_headers("1-1", NOW, BODY, [NEW])
    return headers | {f"webhook-{name}": text for name, text in changes.items()}


@pytest.mark.parametrize(
    ("headers", "verdict"),
    [
        (changed(), Verdict.VALID),
        (changed(timestamp=str(NOW + 1)), Verdict.INVALID),
        (changed(id="1-2"), Verdict.INVALID),
        (changed(id=""), Verdict.INVALID),
        (changed(timestamp="soon"), Verdict.INVALID),
        (changed(timestamp="9" * 5000), Verdict.INVALID),
        (changed(signature="v1,я v1,=== v2,x \udcff"), Verdict.INVALID),
        (changed(signature=""), Verdict.UNSIGNED),
        ({}, Verdict.UNSIGNED),
    ],
)
def test_signature_is_judged(headers: dict[str, str], verdict: Verdict) -> None:
    assert check_signature(headers, BODY, [OLD, NEW], NOW) is verdict


@pytest.mark.parametrize("off_s", [-301, 301])
def test_old_and_future_signature_is_invalid(off_s: int) -> None:
    assert check_signature(changed(), BODY, [NEW], NOW + off_s) is Verdict.INVALID


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "begins with whsec_"),
        ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "begins with whsec_"),
        ("whsec_", "this one 0"),
        ("whsec_no base64!", "not base64"),
        ("whsec_" + base64.b64encode(bytes(23)).decode(), "24 to 64 bytes, and this one 23"),
        ("whsec_" + base64.b64encode(bytes(65)).decode(), "24 to 64 bytes, and this one 65"),
        (write_secret(NEW) + ",", "begins with whsec_"),
    ],
)
def test_secret_that_is_none_is_told_and_not_shown(text: str, says: str) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        read_secrets(text)
    assert len(text) < 8 or text.removeprefix("whsec_")[:8] not in str(refused.value)


def test_secrets_keep_their_order() -> None:
    assert read_secrets(f"{write_secret(NEW)}, {write_secret(OLD)}") == (NEW, OLD)


@pytest.mark.parametrize(("owner", "version"), [("k_1", 1), ("k_1", 2), ("ключ", 1)])
def test_derived_key_is_hkdf(owner: str, version: int) -> None:
    context = f"gateway callback secret\n{version}\n{owner}".encode()
    wanted = HKDF(SHA256(), 32, salt=None, info=context).derive(b"root" * 8)
    assert derive_key("root" * 8, owner, version) == wanted
    assert read_secret(write_secret(wanted)) == wanted


def test_each_owner_version_and_root_has_a_key_of_its_own() -> None:
    keys = {
        derive_key(root * 32, owner, version)
        for root in "ab"
        for owner in ("k", "k\n1", "1\nk", "")
        for version in (1, 2, 11)
    }
    assert len(keys) == 24
