"""What the API answers, as the OpenAPI document describes it; clients may meet further members."""

from typing import Literal
from uuid import UUID

from pydantic import Field

from common.http.documentation import models
from common.http.documentation.models import Answer


class AcceptedDelivery(Answer):
    """One delivery that was accepted."""

    id: str
    """`<notification id>-<n>`, n from 1."""

    to: str
    """The recipient, normalised."""

    status: Literal["queued"]
    href: str
    """Where its status can be asked."""

    # `copy` is a method of BaseModel, hence the alias.
    is_copy: bool = Field(False, alias="copy")
    """True for an address from `email.cc` or `email.bcc`."""


class Accepted(Answer):
    """The broker has confirmed every delivery; none is lost from here on."""

    id: UUID
    status: Literal["queued"]
    deliveries: list[AcceptedDelivery]


class Readiness(Answer):
    """Whether notifications can be accepted now."""

    broker: Literal["ok", "unreachable", "not answering"]
    topology: Literal["ok", "unknown"] | list[str]
    """A list names the exchanges and queues that are missing."""


class UnacceptedDelivery(Answer):
    """One delivery that the broker did not confirm."""

    id: str
    to: str
    code: str
    unknown: bool
    """Whether it may have been accepted all the same."""


class ProblemDocument(models.ProblemDocument):
    """RFC 9457 problem document, `application/problem+json`."""

    id: UUID | None = None
    """The notification of which not all was accepted."""

    accepted: list[AcceptedDelivery] = Field([])
    """These will be sent."""

    not_accepted: list[UnacceptedDelivery] = Field([])
    missing: list[str] = Field([])
    """Exchanges and queues that the broker lacks."""
