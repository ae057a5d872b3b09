"""Names and roles from what a provider says, and the settings that say which."""

from typing import Any

import pytest
from pydantic import ValidationError

from common.settings import Settings
from console.people.oidc.roles import name_of, role_of, subject_of
from console.people.person import Role

PAIRS = (("staff", "viewer"), ("ops", "operator"), ("chiefs", "admin"))


@pytest.mark.parametrize(
    ("claims", "claim", "role"),
    [
        ({"groups": ["ops", "staff"]}, "groups", Role.OPERATOR),
        ({"groups": "chiefs"}, "groups", Role.ADMIN),
        ({"groups": []}, "groups", None),
        ({"groups": None}, "groups", None),
        ({}, "groups", None),
        ({"groups": {"ops": 1}}, "groups", None),
        ({"groups": [["ops"], 1, None]}, "groups", None),
        ({"groups": ["Ops", "ops "]}, "groups", None),
        ({"realm_access": {"roles": ["staff"]}}, "realm_access.roles", Role.VIEWER),
        ({"realm_access": ["staff"]}, "realm_access.roles", None),
        ({"https://a.example/roles": ["ops"]}, "https://a.example/roles", Role.OPERATOR),
    ],
)
def test_highest_role_of_the_claim_counts(
    claims: dict[str, Any], claim: str, role: Role | None
) -> None:
    assert role_of(claims, claim, PAIRS) is role


@pytest.mark.parametrize(
    ("claims", "name"),
    [
        ({"preferred_username": "ada", "email": "a@example.com"}, "ada"),
        ({"email": "a@example.com", "sub": "1"}, "a@example.com"),
        ({"preferred_username": "a\nb", "sub": "1"}, "1"),
        ({"preferred_username": "x" * 100, "sub": "1"}, "x" * 64),
        ({"preferred_username": None, "sub": "1"}, "1"),
    ],
)
def test_name_is_a_short_line_that_can_be_shown(claims: dict[str, Any], name: str) -> None:
    assert name_of(claims, "preferred_username") == name


def test_same_subject_of_two_issuers_is_two_people() -> None:
    one, other = subject_of("https://a", "1"), subject_of("https://b", "1")
    assert one != other
    assert len(subject_of("https://a", "1" * 1000)) == len(one) <= 64


GOOD = {
    "console_url": "https://console.example.com",
    "oidc_issuer": "https://sso.example.com/realms/main",
    "oidc_client_id": "console",
    "oidc_roles": "a=admin, b = viewer",
}


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"console_url": ""}, "GATEWAY_OIDC_ISSUER is set, but not GATEWAY_CONSOLE_URL"),
        ({"oidc_roles": "ops"}, "is not <value of the claim>="),
        ({"oidc_roles": "ops=root"}, "is not <value of the claim>="),
        ({"oidc_issuer": "http://sso.example.com"}, "must be an address such as https://"),
        ({"oidc_issuer": "sso.example.com"}, "must be an address such as https://"),
        ({"oidc_scopes": "profile"}, "has no openid"),
        ({"console_url": "https://console.example.com/path"}, "an address without a path"),
    ],
)
def test_settings_that_could_sign_nobody_in_are_refused(
    changes: dict[str, str], sentence: str
) -> None:
    given = {name: text for name, text in (GOOD | changes).items() if text}
    with pytest.raises(ValidationError, match=sentence):
        Settings.model_validate(given)


def test_address_is_kept_as_browsers_write_it() -> None:
    settings = Settings.model_validate(GOOD | {"console_url": "https://Console.example.com:443/"})
    assert settings.console_url == "https://console.example.com"
    assert settings.oidc_roles == (("a", "admin"), ("b", "viewer"))
