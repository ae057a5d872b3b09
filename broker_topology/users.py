"""Create the broker's users with their rights through the management API; httpx, pika."""

import re
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from urllib.parse import quote, urlsplit

import httpx
from pydantic import BaseModel

from broker_topology.connect import TopologyError, cluster_name, connected, vhost_of
from broker_topology.management import ManagementUnavailableError, get, management
from broker_topology.rights import Rights, rights
from common.broker.urls import each_url
from common.channels import CHANNELS

DEFAULT_PREFIX = "gateway"
PASSWORD_BYTES = 24

State = Literal["new", "rotated", "kept"]


@dataclass(frozen=True)
class BrokerUser:
    """One user as it is now; a kept password is not known, so then `url` is without it."""

    name: str
    rights: Rights
    state: State
    url: str

    def to_json(self) -> dict[str, str]:
        """What `gateway topology users --json` prints of it."""
        return {
            "name": self.name,
            "role": self.rights.role,
            "used_by": self.rights.used_by,
            "url": self.url,
            "password": self.state,
        }


class _Caller(BaseModel):
    name: str
    tags: list[str]


class _StoredPassword(BaseModel):
    password_hash: str
    hashing_algorithm: str


class _Permission(BaseModel):
    vhost: str


def provide_users(
    url: str,
    management_url: str | None = None,
    *,
    prefix: str = DEFAULT_PREFIX,
    rotate: bool = False,
    channels: Iterable[str] = CHANNELS,
) -> list[BrokerUser]:
    """Give the vhost of `url` its users `<prefix>-<role>`, each with exactly its rights.

    url: an administrator's. management_url: as for `topology check`. A user that exists gets its
    rights and tags set anew and keeps its password, unless rotate. Raises TopologyError, before
    anything was changed when a name is taken by another vhost's user or by the caller.
    """
    if not re.fullmatch(r"[A-Za-z0-9._-]+", prefix):
        raise TopologyError(f"{prefix!r} cannot begin a user name: use letters, digits, . _ and -.")
    with connected(url) as connection:
        cluster = cluster_name(connection)
    try:
        with management(url, management_url, cluster) as client:
            return _provide(client, url, prefix, rights(channels), rotate=rotate)
    except ManagementUnavailableError as error:
        raise TopologyError(f"The users cannot be set: {error}.") from error


def _provide(
    client: httpx.Client, url: str, prefix: str, wanted: tuple[Rights, ...], *, rotate: bool
) -> list[BrokerUser]:
    caller = get(client, "whoami", _Caller)
    if "administrator" not in caller.tags:
        raise TopologyError(
            f"User {caller.name!r} may not make users: give the URL of one with the tag "
            "`administrator`."
        )
    names = {one: f"{prefix}-{one.role}" for one in wanted}
    found = {one: _find(client, name) for one, name in names.items()}
    for one, name in names.items():
        if name == caller.name:
            raise TopologyError(
                f"{name!r} is the administrator of the URL itself: choose another --prefix."
            )
        if found[one]:
            _expect_no_other_vhost(client, name, vhost_of(url))
    return [_put(client, url, names[one], one, found[one], rotate=rotate) for one in wanted]


def _find(client: httpx.Client, name: str) -> _StoredPassword | None:
    try:
        return get(client, f"users/{_path(name)}", _StoredPassword)
    except httpx.HTTPStatusError as error:
        if error.response.status_code == httpx.codes.NOT_FOUND:
            return None
        raise


def _expect_no_other_vhost(client: httpx.Client, name: str, vhost: str) -> None:
    permissions = get(client, f"users/{_path(name)}/permissions", list[_Permission])
    others = sorted({permission.vhost for permission in permissions} - {vhost})
    if others:
        raise TopologyError(
            f"User {name!r} has rights in the vhost {others[0]!r} already, and would have them in "
            "both: choose another --prefix."
        )


def _put(
    client: httpx.Client,
    url: str,
    name: str,
    wanted: Rights,
    found: _StoredPassword | None,
    *,
    rotate: bool,
) -> BrokerUser:
    """Set one user's password (or its old hash), tags and rights."""
    tags = ",".join(wanted.tags)
    password = None if found and not rotate else secrets.token_urlsafe(PASSWORD_BYTES)
    account: dict[str, str] = {"tags": tags}
    if password:
        account["password"] = password
    elif found:
        account |= found.model_dump(include={"password_hash", "hashing_algorithm"})
    client.put(f"users/{_path(name)}", json=account).raise_for_status()
    patterns = {"configure": wanted.configure, "write": wanted.write, "read": wanted.read}
    vhost = _path(vhost_of(url))
    client.put(f"permissions/{vhost}/{_path(name)}", json=patterns).raise_for_status()
    state: State = "new" if not found else "rotated" if rotate else "kept"
    own = each_url(url, lambda node: _url_for(node, name, password))
    return BrokerUser(name, wanted, state, own)


def _url_for(url: str, name: str, password: str | None) -> str:
    """A node's URL with this account; without the query, which may name the caller's files."""
    parts = urlsplit(url)
    place = parts.netloc.rpartition("@")[2]
    account = _path(name) if password is None else f"{_path(name)}:{password}"
    return parts._replace(netloc=f"{account}@{place}", query="", fragment="").geturl()


def _path(text: str) -> str:
    return quote(text, safe="")
