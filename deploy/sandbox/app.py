"""The HTTP side of the sandbox: provider APIs, the inbox, the faults and the page."""

from typing import Annotated, Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.encoders import jsonable_encoder
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from common.channels import Channel
from common.http.keys import ThisMachineOnly
from deploy.sandbox.inbox.records import clean
from deploy.sandbox.inbox.store import Inbox
from deploy.sandbox.inbox.stream import answer_in_pieces
from deploy.sandbox.pages.routes import make_pages
from deploy.sandbox.problems import add_problems, answer_stranger
from deploy.sandbox.rules import Faults
from deploy.sandbox.telegram.bot_api import BotApi
from deploy.sandbox.vk.api import VkApi
from deploy.sandbox.webhook.sink import WebhookSink
from senders.simulator.faults import FAULTS, SINK


def _as_recipient(given: object) -> object:
    if isinstance(given, str) and given != clean(given):
        raise ValueError("it holds half a character; send whole ones")
    return str(given) if isinstance(given, int) else given


class FailNext(BaseModel):
    """Body of POST /faults: the next `count` calls fail, all or those to one recipient."""

    model_config = ConfigDict(extra="forbid")

    channel: Channel
    fault: str
    count: int = Field(default=1, ge=1)
    recipient: Annotated[str | None, BeforeValidator(_as_recipient)] = None
    retry_after_s: int = Field(default=2, ge=0)


def create_app(
    inbox: Inbox,
    faults: Faults,
    bot_api: BotApi,
    vk_api: VkApi,
    sink: WebhookSink,
    *,
    is_for_this_machine: bool,
) -> FastAPI:
    """Return the application that serves one sandbox.

    is_for_this_machine: whether it listens here only, so that nothing but a page from elsewhere
    would call it by another name.
    """
    app = FastAPI(title="Sandbox", docs_url=None, redoc_url=None, openapi_url=None)
    _add_providers(app, bot_api, vk_api, sink)
    _add_inbox(app, inbox)
    _add_faults(app, faults)
    app.include_router(make_pages(inbox, faults))
    add_problems(app)
    if is_for_this_machine:
        app.add_middleware(ThisMachineOnly, answer=answer_stranger)
    return app


def _add_providers(app: FastAPI, bot_api: BotApi, vk_api: VkApi, sink: WebhookSink) -> None:
    @app.api_route("/bot{token}/{method}", methods=["GET", "POST"])
    async def telegram(request: Request, token: str, method: str) -> Response:
        return await bot_api.answer(request, token, method)

    @app.api_route("/method/{method}", methods=["GET", "POST"])
    async def vk(request: Request, method: str) -> Response:
        return await vk_api.answer(request, method)

    @app.post(f"{SINK}{{path:path}}")
    async def webhook(request: Request) -> Response:
        return await sink.answer(request)


def _add_inbox(app: FastAPI, inbox: Inbox) -> None:
    @app.get("/inbox.json")
    async def show_inbox(channel: str = "", recipient: str = "") -> Response:
        attempts = inbox.attempts(channel, recipient)
        return answer_in_pieces(
            {
                "entries": inbox.entries(channel, recipient),
                "refused": [one for one in attempts if one.is_refused],
            },
            {
                "duplicates": inbox.duplicates,
                "refused_duplicates": inbox.refused_duplicates,
            },
        )

    @app.get("/attempts.json")
    async def show_attempts(channel: str = "", recipient: str = "") -> Response:
        return answer_in_pieces({"attempts": inbox.attempts(channel, recipient)})


def _add_faults(app: FastAPI, faults: Faults) -> None:
    @app.get("/faults")
    async def show_faults() -> dict[str, Any]:
        known = {
            channel: {name: fault.summary for name, fault in own.items()}
            for channel, own in FAULTS.items()
        }
        unblocked = [{"channel": one, "recipient": said} for one, said in faults.unblocked()]
        pending = jsonable_encoder(faults.pending())
        return {"pending": pending, "unblocked": unblocked, "known": known}

    @app.post("/faults", status_code=201)
    async def add_fault(wanted: FailNext) -> dict[str, Any]:
        try:
            rule = faults.fail_next(**wanted.model_dump())
        except ValueError as error:
            raise HTTPException(422, str(error)) from error
        return dict(jsonable_encoder(rule))

    @app.put("/unblocked", status_code=204)
    async def unblock(channel: Channel, recipient: str) -> None:
        try:
            faults.unblock(channel, recipient)
        except ValueError as error:
            raise HTTPException(422, str(error)) from error

    @app.delete("/unblocked", status_code=204)
    async def block(channel: Channel, recipient: str) -> None:
        faults.block(channel, recipient)

    @app.delete("/faults", status_code=204)
    async def clear_faults() -> None:
        faults.clear()
