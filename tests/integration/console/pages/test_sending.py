"""Which key the console sends with, at a real API that asks for none."""

import os
import sys
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from common.settings import Settings
from console.services.own_keys import OwnKeys
from console.services.sending import NotSent, Sending
from deploy.local.node import free_port
from deploy.local.stack import Service, Stack, plain_environment
from store.access.key_form import Mode
from store.access.keys import load_keys
from store.database import Database
from tests.support.polling import until
from tests.support.processes.running import answers

REQUEST = {"to": ["email:ada@example.com"], "subject": "Hi", "text": "Words"}


@pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
async def test_console_makes_no_first_key_that_would_shut_others_out(
    gateway_url: str, database: Database, store_url: str, tmp_path: Path
) -> None:
    settings = Settings(
        api_port=free_port(), amqp_url=SecretStr(gateway_url), database_url=SecretStr(store_url)
    )
    environment = plain_environment() | {
        "GATEWAY_AMQP_URL": gateway_url,
        "GATEWAY_DATABASE_URL": store_url,
        "GATEWAY_API_PORT": str(settings.api_port),
        "GATEWAY_ENV_FILE": os.devnull,
    }
    command = [sys.executable, "-P", "-m", "gateway_api"]
    sending = Sending(settings, OwnKeys(database))
    with Stack(tmp_path, [Service("api", command, environment)]):
        with httpx.Client(base_url=sending.url) as client:
            until(lambda: answers(client, "/readyz"))
        first = await sending.send(REQUEST, Mode.LIVE, "one", "console ada")
        again = await sending.send(REQUEST, Mode.LIVE, "one", "console ada")
        assert (again.id, again.is_repeated) == (first.id, True)
        with pytest.raises(NotSent, match="the API asks for no key yet"):
            await sending.send(REQUEST, Mode.TEST, "two", "console ada")
    with database.reading() as connection:
        assert load_keys(connection) == []
    with pytest.raises(NotSent, match="no API answers at"):
        await sending.send(REQUEST, Mode.LIVE, "three", "console ada")
