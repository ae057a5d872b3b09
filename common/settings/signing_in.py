"""Settings of signing in at the console: sessions, and another directory of people (OIDC)."""

import re
from pathlib import Path
from typing import Annotated, Final, Self

from pydantic import SecretStr, model_validator

from common.hosts import http_base, is_loopback
from common.settings.values import Networks, SettingsGroup, read_by, setting

ROLES: Final = ("viewer", "operator", "admin")

_SITE: Final = re.compile(r"https?://(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:[0-9]{1,5})?")


def _parse_roles(text: str) -> tuple[tuple[str, str], ...]:
    pairs = []
    for part in text.split(","):
        value, equals, role = (one.strip() for one in part.rpartition("="))
        if not equals or not value or role not in ROLES:
            raise ValueError(
                f"{part.strip()!r} is not <value of the claim>=<{'|'.join(ROLES)}>, such as "
                "mail-operators=operator"
            )
        pairs.append((value, role))
    return tuple(pairs)


def _parse_site(text: str) -> str:
    site = text.strip().rstrip("/").lower()
    if not _SITE.fullmatch(site) or not http_base(site):
        raise ValueError("must be an address without a path, such as https://console.example.com")
    usual_port = ":443" if site.startswith("https:") else ":80"
    return site.removesuffix(usual_port)  # as browsers write it


RolePairs = Annotated[tuple[tuple[str, str], ...], read_by(_parse_roles)]
Site = Annotated[str, read_by(_parse_site)]


class SignInSettings(SettingsGroup):
    """Who may use the console's pages, and for how long at a time."""

    console_url: Site | None = setting(
        None,
        "address that browsers reach the console at, such as `https://console.example.com`: with "
        "`https` its cookies travel encrypted only; no other address may change anything. If not "
        "given, what a browser calls it",
    )
    console_sign_in: bool = setting(
        True,
        "whether one has to sign in; `no` makes everybody an administrator, and is refused unless "
        "the console listens on loopback only",
        "yes",
    )
    console_idle_s: float = setting(
        1800.0, "how long who is signed in may do nothing, then has to sign in again", ge=10
    )
    console_session_s: float = setting(
        43_200.0, "how long one may be signed in at most, with all that one does", ge=10
    )
    console_proxies: Networks | None = setting(
        None,
        "networks of the proxies before the console, comma-separated: theirs is the "
        "`X-Forwarded-For` that tells who signs in, when sign-ins that fail are slowed down",
    )
    oidc_issuer: str | None = setting(
        None,
        "OpenID Connect provider whose people may sign in, as it calls itself, such as "
        "`https://sso.example.com/realms/main`; wants GATEWAY_CONSOLE_URL",
    )
    oidc_client_id: str | None = setting(None, "what the provider knows the console as")
    oidc_client_secret: SecretStr | None = setting(
        None, "the secret of that client; none for a public client"
    )
    oidc_scopes: str = setting("openid profile email", "what is asked of the provider")
    oidc_name_claim: str = setting("preferred_username", "claim that has a person's name")
    oidc_role_claim: str = setting(
        "groups", "claim that has what roles come from, such as `realm_access.roles`"
    )
    oidc_roles: RolePairs | None = setting(
        None,
        "roles by the values of that claim, `mail-admins=admin,mail-operators=operator,"
        "staff=viewer`; the highest counts, and who has none of them is refused",
    )
    oidc_ca_file: Path | None = setting(
        None, "PEM file of the authority that signed the provider's certificate"
    )

    @model_validator(mode="after")
    def _check_sign_in(self) -> Self:
        if self.oidc_issuer is None:
            return self
        missing = [
            name
            for name in ("console_url", "oidc_client_id", "oidc_roles")
            if not getattr(self, name)
        ]
        if missing:
            names = " and ".join(f"GATEWAY_{name.upper()}" for name in missing)
            raise ValueError(f"GATEWAY_OIDC_ISSUER is set, but not {names}, which it needs")
        base = http_base(self.oidc_issuer)
        if base is None or (base.scheme == "http" and not is_loopback(base.hostname or "")):
            raise ValueError(
                "GATEWAY_OIDC_ISSUER must be an address such as https://sso.example.com/realms/main"
            )
        if "openid" not in self.oidc_scopes.split():
            raise ValueError("GATEWAY_OIDC_SCOPES has no openid, without which nobody is named")
        return self
