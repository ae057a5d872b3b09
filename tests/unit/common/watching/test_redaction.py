"""Secrets are hidden in every form that they travel in."""

import base64
import html
import json
from urllib.parse import quote, quote_plus

import pytest

from common.watching import redaction
from common.watching.redaction import HIDDEN, Redactor, hide, learn, secrets_in

SECRET = 'p&ss "w/rd"+ü~7'


def base64_of(text: str, before: str = "", behind: str = "") -> str:
    return base64.b64encode(f"{before}{text}{behind}".encode()).decode()


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe="").lower(),
        quote_plus(SECRET),
        json.dumps(SECRET),
        json.dumps(json.dumps({"said": SECRET})),
        json.dumps(SECRET, ensure_ascii=False),
        repr(SECRET),
        html.escape(SECRET),
        SECRET.encode().hex(),
        f"amqp://user:{quote(SECRET, safe='')}@host/",
        "\n".join(SECRET),
        f"{SECRET[:9]}\r\n {SECRET[9:]}",
        json.dumps(f"{SECRET[:10]}\r\n {SECRET[10:]}"),
        json.dumps(json.dumps(f"{SECRET[:10]}\n\t{SECRET[10:]}")),
    ],
)
def test_secret_is_hidden_in_each_form(form: str) -> None:
    shown = Redactor([SECRET]).hide(f"it says {form} here")

    assert HIDDEN in shown
    assert shown.startswith("it says ")
    assert shown.endswith(" here")
    assert "w/rd" not in shown


@pytest.mark.parametrize("before", ["", "u", "us", "\0user\0"])
@pytest.mark.parametrize("behind", ["", "!", "!!"])
def test_secret_is_hidden_within_base64(before: str, behind: str) -> None:
    secret = "correct-horse-battery"
    encoded = base64_of(secret, before, behind)

    shown = Redactor([secret]).hide(f"AUTH PLAIN {encoded}")

    assert HIDDEN in shown
    assert len(shown.partition(HIDDEN)[2]) <= 8  # what is left is what stands around it
    assert encoded[len(before) + 4 : -8] not in shown


def test_secret_that_stands_whole_too_is_hidden_where_it_is_torn() -> None:
    said = "correct-horse, then correct-\n horse"

    assert Redactor(["correct-horse"]).hide(said) == f"{HIDDEN}, then {HIDDEN}"


def test_text_without_secrets_stays_itself() -> None:
    assert Redactor(["something-else", None, ""]).hide("all is well") == "all is well"


@pytest.mark.parametrize("secret", ["ab", " ", "a b"])
def test_short_secret_is_hidden_where_it_stands_and_spoils_no_other_words(secret: str) -> None:
    assert Redactor([secret]).hide("tea/bread") == "tea/bread"
    assert Redactor([secret]).hide(f"<{secret}>") == f"<{HIDDEN}>"


def test_piece_of_a_secret_at_the_end_of_a_cut_text_is_hidden() -> None:
    redactor = Redactor(["correct-horse-battery"])

    assert redactor.hide("it was correct-horse-ba", is_cut=True) == f"it was {HIDDEN}"
    assert redactor.hide("it was correct-horse-ba") == "it was correct-horse-ba"


@pytest.mark.parametrize(
    ("setting", "secrets"),
    [
        (
            "amqp://user:pass%2Cword@one/,amqps://user:pass%2Cword@two/",
            {"pass%2Cword", "pass,word"},
        ),
        ("postgresql://user:first@host/name?password=second", {"first", "second"}),
        ("redis://:p@ss@host/0", {"p@ss"}),
        ("amqp://gateway:gateway@127.0.0.1:5672/", set()),
        ("sqlite:////var/lib/gateway.db", set()),
        ("whsec_one,whsec_two", {"whsec_one,whsec_two", "whsec_one", "one", "whsec_two", "two"}),
        ("1234:token", {"1234:token", "token"}),
        ("smtp://user:pass/wo:rd@host:587?starttls=no", {"pass/wo:rd"}),
    ],
)
def test_what_is_secret_in_a_setting(setting: str, secrets: set[str]) -> None:
    assert {one for one in secrets_in(setting) if one} == secrets


def test_process_hides_what_it_has_learnt_and_what_clients_show(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(redaction, "_process", Redactor())
    learn(["amqp://gateway:correct-horse@broker/"])
    key = "gwk_live_" + "a1B2" * 8 + "_abc123"

    shown = hide(f"correct-horse, Bearer {key}, ?token=eyJhbGciOi.eyJleHAi.c2lnbmF0 dog")

    assert shown == f"{HIDDEN}, Bearer gwk_live_{HIDDEN}, ?token={HIDDEN} dog"
    assert hide("the word dog is no secret") == "the word dog is no secret"
    learn(["amqp://other:battery-staple@broker/"])
    assert hide("correct-horse, battery-staple") == f"{HIDDEN}, {HIDDEN}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a.b.eyJ0.x-y.z_1,", f"a.b.{HIDDEN},"),
        ("x-eyJ0.aa.bb", f"x-{HIDDEN}"),
        ("heyJo.a.b", "heyJo.a.b"),
        ("eyJ0.only.", "eyJ0.only."),
    ],
)
def test_tokens_are_found_in_any_text(text: str, shown: str) -> None:
    assert hide(text) == shown


def test_text_that_is_nearly_tokens_is_read_once() -> None:
    """Looked for from each of its beginnings, this took hours."""
    text = "eyJ-" * 500_000
    assert hide(text) == text
