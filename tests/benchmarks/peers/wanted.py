"""What a client asks for, the same for every peer's API."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Recipient = Annotated[str, Field(pattern=r"^(email|telegram|vk):\S+$")]


class Notification(BaseModel):
    """A text with a subject to some recipients."""

    model_config = ConfigDict(extra="forbid")

    to: Annotated[list[Recipient], Field(min_length=1, max_length=100)]
    subject: Annotated[str, Field(max_length=998)] | None = None
    text: str
