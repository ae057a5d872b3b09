"""Which settings are in force, and where each is from."""

from pathlib import Path

from common.settings import load_settings
from common.settings.in_force import InForce, settings_in_force


def found(given: dict[str, str]) -> dict[str, InForce]:
    settings = load_settings(given)
    return {one.variable: one for one in settings_in_force(settings, given)}


def test_default_has_no_place_and_what_was_given_has_one() -> None:
    settings = found({"GATEWAY_API_PORT": "8081"})
    assert settings["GATEWAY_API_PORT"].shown == "8081"
    assert settings["GATEWAY_API_PORT"].place == "the environment"
    assert settings["GATEWAY_CONSOLE_PORT"].shown == "8090"
    assert settings["GATEWAY_CONSOLE_PORT"].place == ""


def test_secret_is_said_to_be_set_and_not_shown(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text("123456:nobody-sees-this")
    settings = found({"GATEWAY_TELEGRAM_TOKEN_FILE": str(file)})
    token = settings["GATEWAY_TELEGRAM_TOKEN"]
    assert (token.is_secret, token.shown) == (True, "")
    assert token.place == "GATEWAY_TELEGRAM_TOKEN_FILE: the environment"
    assert not settings["GATEWAY_VK_TOKEN"].is_secret


def test_password_in_an_address_that_is_no_secret_is_hidden() -> None:
    settings = found({"GATEWAY_TELEGRAM_API_URL": "https://me:word@bot.example.com"})
    assert settings["GATEWAY_TELEGRAM_API_URL"].shown == "https://…@bot.example.com"
