"""Callbacks are believed only with a fresh signature by one of the secrets."""

import base64
import hashlib
import hmac
from collections.abc import Mapping

import pytest

from gateway_client import NotFresh, NotSigned, WrongSignature, verify
from gateway_client.errors import CallbackRefused

# The example of the specification's own libraries.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
AT = 1614265330
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": str(AT),
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
OTHER = "whsec_" + base64.b64encode(b"another secret of 24 byt").decode()
GOOD = HEADERS["webhook-signature"]
FORGED = "v1," + base64.b64encode(b"x" * 32).decode()


def at(seconds: float) -> float:
    return AT + seconds


def test_signature_of_the_specification_is_believed() -> None:
    callback = verify(HEADERS, BODY, SECRET, now=lambda: at(0))
    assert (callback.id, callback.at.timestamp()) == (HEADERS["webhook-id"], AT)
    assert callback.document() == {"test": 2432232314}


@pytest.mark.parametrize(
    "headers",
    [
        {name.title(): value for name, value in HEADERS.items()},
        HEADERS | {"webhook-signature": f"{FORGED} {GOOD}"},
        HEADERS | {"webhook-signature": f"v1a,abc v1,!! {GOOD}"},
    ],
    ids=["letter case", "several signatures", "signatures of other versions"],
)
def test_one_good_signature_suffices(headers: Mapping[str, str]) -> None:
    assert verify(headers, BODY, [OTHER, SECRET], now=lambda: at(0)).body == BODY


def test_each_of_two_secrets_signs_while_they_change() -> None:
    signed = b"%b.%d.%b" % (HEADERS["webhook-id"].encode(), AT, BODY)
    key = base64.b64decode(OTHER.removeprefix("whsec_"))
    by_other = base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()
    headers = HEADERS | {"webhook-signature": f"v1,{by_other}"}
    assert verify(headers, BODY, (SECRET, OTHER), now=lambda: at(0)).id == HEADERS["webhook-id"]
    with pytest.raises(WrongSignature):
        verify(headers, BODY, SECRET, now=lambda: at(0))


@pytest.mark.parametrize("seconds", [-299, 299])
def test_five_minutes_are_tolerated(seconds: int) -> None:
    verify(HEADERS, BODY, SECRET, now=lambda: at(seconds))


@pytest.mark.parametrize(
    ("headers", "body", "seconds", "kind"),
    [
        (HEADERS, BODY + b" ", 0, WrongSignature),
        (HEADERS | {"webhook-id": "msg_other"}, BODY, 0, WrongSignature),
        (HEADERS | {"webhook-timestamp": str(AT + 1)}, BODY, 0, WrongSignature),
        (HEADERS | {"webhook-signature": FORGED}, BODY, 0, WrongSignature),
        (
            HEADERS | {"webhook-signature": " ".join([FORGED] * 99 + [GOOD])},
            BODY,
            0,
            WrongSignature,
        ),
        (HEADERS, BODY, 301, NotFresh),
        (HEADERS, BODY, -301, NotFresh),
        (HEADERS | {"webhook-timestamp": "٣"}, BODY, 0, NotSigned),
        (HEADERS | {"webhook-timestamp": "-1"}, BODY, 0, NotSigned),
        (HEADERS | {"webhook-signature": "v2,abc"}, BODY, 0, NotSigned),
        (HEADERS | {"webhook-signature": "v1,ы"}, BODY, 0, NotSigned),
        ({}, BODY, 0, NotSigned),
    ],
)
def test_everything_else_is_refused(
    headers: Mapping[str, str], body: bytes, seconds: int, kind: type[CallbackRefused]
) -> None:
    with pytest.raises(kind):
        verify(headers, body, [OTHER, SECRET], now=lambda: at(seconds))


@pytest.mark.parametrize("secrets", ["whsec_", "whsec_??", []])
def test_secret_that_is_none_is_the_callers_fault(secrets: str | list[str]) -> None:
    with pytest.raises(ValueError, match="secret"):
        verify(HEADERS, BODY, secrets, now=lambda: at(0))
