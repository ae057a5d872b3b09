"""The API's description of itself: complete, consistent, and without internet."""

import json
import re

import pytest
from pydantic import SecretStr

from common.settings import Settings
from tests.unit.api_client import KEY, api


async def test_openapi_document_holds_together() -> None:
    async with api() as client:
        document = (await client.get("/openapi.json")).json()

    text = json.dumps(document)
    named = set(re.findall(r'"#/components/schemas/([^"]+)"', text))
    assert "$defs" not in text
    assert named <= set(document["components"]["schemas"])
    post = document["paths"]["/v1/notifications"]["post"]
    assert set(post["responses"]) == {
        *("202", "400", "401", "408", "413", "415", "422", "500", "503")
    }
    assert post["security"] == [{"bearer": []}]
    assert "bearer" in document["components"]["securitySchemes"]
    assert "NotificationRequest" in json.dumps(post["requestBody"])


async def test_documentation_page_names_no_other_host() -> None:
    async with api() as client:
        page = (await client.get("/docs")).text
        assets = re.findall(r'(?:src|href)="(/[^"]+)"', page)
        answers = [await client.get(asset) for asset in assets]

    assert "//" not in re.sub(r"(?m)^\s*//.*$|<!--.*?-->", "", page).replace("http://localhost", "")
    assert len(assets) >= 3
    assert [answer.status_code for answer in answers] == [200] * len(assets)


@pytest.mark.parametrize("api_key", [None, SecretStr(KEY)])
async def test_root_leads_to_the_documentation(api_key: SecretStr | None) -> None:
    async with api(Settings(api_key=api_key)) as client:
        answer = await client.get("/", follow_redirects=True)

    assert (answer.status_code, answer.url.path) == (200, "/docs")
