"""FastAPI that validates, answers 202 and publishes nothing."""

from uuid import uuid4

from fastapi import FastAPI
from wanted import Notification

app = FastAPI()


@app.post("/v1/notifications", status_code=202)
async def accept(wanted: Notification) -> dict[str, str]:
    return {"id": str(uuid4()), "status": "queued"}
